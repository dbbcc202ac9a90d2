# program.cmake: mote, the program: one file that runs from anywhere, and what in it is optional.

# The op tests' cases serve `mote selftest` too: the same kernels, references and tolerances on the user's device.
file(GLOB CASE_SOURCES ${MOTE_WATCHED} tests/ops/*.c)
file(STRINGS graph/ops/ops.def op_lines REGEX "^OP\\(")
foreach(line IN LISTS op_lines)
  string(REGEX REPLACE "^OP\\(([a-z_0-9]+),.*" "\\1" op "${line}")
  if(NOT EXISTS ${PROJECT_SOURCE_DIR}/tests/ops/${op}.c)
    message(FATAL_ERROR "op ${op} has no test: tests/ops/${op}.c is missing")
  endif()
endforeach()
add_library(mote-cases OBJECT ${CASE_SOURCES})

# What reads images, in the program and in its tests.
add_library(mote-images INTERFACE)
target_link_libraries(mote-images INTERFACE GIF::GIF PkgConfig::SPNG ZLIB::ZLIB)
if(JPEG_FOUND)
  target_link_libraries(mote-images INTERFACE JPEG::JPEG)
  target_compile_definitions(mote-images INTERFACE MOTE_JPEG)
endif()
if(WEBP_FOUND)
  target_link_libraries(mote-images INTERFACE PkgConfig::WEBP)
  target_compile_definitions(mote-images INTERFACE MOTE_WEBP)
endif()

file(GLOB TOOL_SOURCES ${MOTE_WATCHED} tools/*.c tools/*/*.c)
add_executable(mote ${TOOL_SOURCES} $<TARGET_OBJECTS:mote-cases>)
target_include_directories(mote SYSTEM PRIVATE ${STB_INCLUDE})
target_link_libraries(mote PRIVATE libmote PkgConfig::CJSON PkgConfig::POPT mote-images Threads::Threads)

# What shaders include goes into the program too, so that `--shaders` works anywhere.
set(texts "")
set(table "")
file(GLOB include_files RELATIVE ${PROJECT_SOURCE_DIR}/shaders ${MOTE_WATCHED} shaders/*.h shaders/glsl/*.glsl)
foreach(file IN LISTS include_files)
  string(MAKE_C_IDENTIFIER ${file} name)
  file(READ shaders/${file} bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(APPEND texts "static const unsigned char ${name}[] = {${bytes}};\n")
  string(APPEND table "    {\"${file}\", ${name}, sizeof ${name}},\n")
endforeach()
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/shaders/includes.inc
  CONTENT "${texts}static const include_file include_files[] = {\n${table}};\n")
set_source_files_properties(tools/measure/shader_source.c PROPERTIES OBJECT_DEPENDS ${PROJECT_BINARY_DIR}/shaders/includes.inc)
if(CHAFA_FOUND)
  set_source_files_properties(tools/images/preview.c PROPERTIES COMPILE_DEFINITIONS MOTE_CHAFA)
  target_link_libraries(mote PRIVATE PkgConfig::CHAFA)
endif()
if(RENDERDOC_INCLUDE)
  set_source_files_properties(tools/measure/renderdoc.c PROPERTIES COMPILE_DEFINITIONS MOTE_RENDERDOC
                              INCLUDE_DIRECTORIES ${RENDERDOC_INCLUDE})
endif()

# The weights inside the program, for those who name none, and the classifier that judges them.
set(MOTE_DEFAULT_MODEL ${PROJECT_SOURCE_DIR}/models/sprites16.safetensors CACHE FILEPATH
    "safetensors file to embed as the default MODEL; empty for none")
set(MOTE_DEFAULT_CLASSIFIER ${PROJECT_SOURCE_DIR}/models/sprites16-classifier.safetensors CACHE FILEPATH
    "safetensors file to embed as mote evaluate's classifier; empty for none")
# What `mote export` puts beside weights, for PyTorch.
set(MOTE_CONTEXT_UNET_MODULE ${PROJECT_SOURCE_DIR}/models/context_unet.py)
# Their paths stand in a string of the assembler's within a string of C's: a sign that means something there is
# escaped once for each. A header takes them, since no shell and no list of CMake's is between.
set(paths "")
foreach(embedded MOTE_DEFAULT_MODEL MOTE_DEFAULT_CLASSIFIER MOTE_CONTEXT_UNET_MODULE)
  if(${embedded})
    if(NOT EXISTS ${${embedded}})
      message(FATAL_ERROR "${embedded}: ${${embedded}} is not there")
    endif()
    set_property(SOURCE tools/default_model.c APPEND PROPERTY OBJECT_DEPENDS ${${embedded}})
    set(path "${${embedded}}")
    foreach(string assembler C)
      string(REPLACE "\\" "\\\\" path "${path}")
      string(REPLACE "\"" "\\\"" path "${path}")
    endforeach()
    string(APPEND paths "#define ${embedded} \"${path}\"\n")
  endif()
endforeach()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/models/embedded.h CONTENT "@paths@" @ONLY)
