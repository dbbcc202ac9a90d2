# optional.cmake: finds what gives the program parts that it can do without.
find_package(JPEG QUIET)                         # JPEG images among the data
mote_find_by_pkg_config(WEBP libwebp)            # WebP images among the data
mote_find_by_pkg_config(CHAFA chafa)             # mote sample --preview
find_path(RENDERDOC_INCLUDE renderdoc_app.h)     # mote profile --renderdoc; the library is found at run time

# mote profile --shaders. Debian's shared library lacks symbols, and its combined archive the two projects beneath it.
include(CheckCSourceCompiles)
find_path(SHADERC_INCLUDE shaderc/shaderc.h)
find_library(SHADERC_LIBRARY libshaderc_combined.a)
set(SHADERC_LIBRARIES ${SHADERC_LIBRARY})
foreach(name SPIRV glslang glslang-default-resource-limits MachineIndependent GenericCodeGen OGLCompiler OSDependent
        SPIRV-Tools-opt SPIRV-Tools)
  find_library(SHADERC_${name} lib${name}.a)
  if(SHADERC_${name})
    list(APPEND SHADERC_LIBRARIES ${SHADERC_${name}})
  endif()
endforeach()
list(APPEND SHADERC_LIBRARIES stdc++ m pthread)
if(SHADERC_INCLUDE AND SHADERC_LIBRARY)
  set(CMAKE_REQUIRED_INCLUDES ${SHADERC_INCLUDE})
  set(CMAKE_REQUIRED_LIBRARIES ${SHADERC_LIBRARIES})
  check_c_source_compiles("#include <shaderc/shaderc.h>\nint main(void) {
    return !shaderc_compile_into_spv(shaderc_compiler_initialize(), \"\", 0, shaderc_compute_shader, \"\", \"main\", 0); }"
    SHADERC_LINKS)
  unset(CMAKE_REQUIRED_INCLUDES)
  unset(CMAKE_REQUIRED_LIBRARIES)
endif()
