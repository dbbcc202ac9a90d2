# shaders.cmake: every shaders/*.comp becomes an array of words, found by its name through shader_find. Not optimised here:
# drivers do that themselves, and names stay for debuggers.
#
# Sets SHADER_OUTPUTS, the files that runtime/shaders.c includes, and the target mote-shaders.
set(shader_folder ${PROJECT_SOURCE_DIR}/shaders)
set(shader_words ${PROJECT_BINARY_DIR}/shaders)
file(GLOB shader_sources RELATIVE ${shader_folder} ${MOTE_WATCHED} shaders/*.comp)
file(GLOB shader_files ${MOTE_WATCHED} shaders/*.comp shaders/*.h shaders/glsl/*.glsl)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${shader_files})
file(MAKE_DIRECTORY ${shader_words})

set(shader_root ${PROJECT_SOURCE_DIR})
set(glslc_debug "")
set(shader_stamp "")
if(MOTE_SHADER_DEBUG)
  set(shader_root ${PROJECT_BINARY_DIR}/ascii)
  set(glslc_debug -g)
  set(shader_stamp ${shader_root}/shaders/stamp)
  add_custom_command(OUTPUT ${shader_stamp} DEPENDS ${shader_files} cmake/ascii_shaders.cmake VERBATIM
    COMMAND ${CMAKE_COMMAND} -DFROM=${shader_folder} -DTO=${shader_root}/shaders
            -P ${PROJECT_SOURCE_DIR}/cmake/ascii_shaders.cmake)
endif()

# glslc before 2024 knows no cooperative matrices; what a newer one made of them is in shaders/prebuilt.
file(WRITE ${shader_words}/probe.comp "#version 450\n#extension GL_KHR_cooperative_matrix : require\nvoid main() {}\n")
execute_process(COMMAND ${GLSLC} --target-env=vulkan1.2 -o ${shader_words}/probe.spv ${shader_words}/probe.comp
                RESULT_VARIABLE glslc_lacks_matrices OUTPUT_QUIET ERROR_QUIET)

# Adds to the list `files` the paths of what shaders/FILE includes, and what that includes. glslc's own list of them would
# not do: in it a folder's blanks and signs cannot be told from what separates files.
function(mote_shader_includes file files)
  set(found ${${files}})
  file(STRINGS ${shader_folder}/${file} lines REGEX "^#include \"shaders/")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^#include \"shaders/([^\"]*)\".*" "\\1" name "${line}")
    if(NOT "${shader_folder}/${name}" IN_LIST found)
      list(APPEND found ${shader_folder}/${name})
      mote_shader_includes(${name} found)
    endif()
  endforeach()
  set(${files} ${found} PARENT_SCOPE)
endfunction()

set(SHADER_OUTPUTS "")
set(shader_arrays "")
set(shader_table "")

function(mote_shader source suffix define)
  get_filename_component(name ${source} NAME_WE)
  string(APPEND name "${suffix}")
  set(words ${shader_words}/${name}.inc)
  if(glslc_lacks_matrices AND suffix STREQUAL "_cooperative")
    configure_file(shaders/prebuilt/${name}.inc ${words} COPYONLY)
  else()
    set(includes "")
    mote_shader_includes(${source} includes)
    # From where the names are short: glslc writes them into the source, and a quote there would end its string.
    add_custom_command(OUTPUT ${words} DEPENDS ${shader_folder}/${source} ${includes} ${shader_stamp} VERBATIM
      WORKING_DIRECTORY ${shader_root}
      COMMAND ${GLSLC} --target-env=vulkan1.2 ${glslc_debug} -Werror -mfmt=num -I . ${define} -o ${words} shaders/${source}
      COMMENT "Compiling shaders/${name}.comp")
  endif()
  string(APPEND shader_arrays "static const uint32_t ${name}_words[] = {\n#include \"shaders/${name}.inc\"\n};\n")
  string(APPEND shader_table "    {\"${name}\", ${name}_words, sizeof ${name}_words / 4},\n")
  set(SHADER_OUTPUTS ${SHADER_OUTPUTS} ${words} PARENT_SCOPE)
  set(shader_arrays "${shader_arrays}" PARENT_SCOPE)
  set(shader_table "${shader_table}" PARENT_SCOPE)
endfunction()

foreach(source IN LISTS shader_sources)  # some are compiled a second time, see shaders/glsl/vectors.glsl and shaders/glsl/matrices.glsl
  mote_shader(${source} "" "")
  file(STRINGS ${shader_folder}/${source} vectors REGEX "shaders/glsl/vectors.glsl")
  file(STRINGS ${shader_folder}/${source} matrices REGEX "shaders/glsl/matrices.glsl")
  if(vectors)
    mote_shader(${source} _texel -DTEXELS)
  endif()
  if(matrices)
    mote_shader(${source} _cooperative -DCOOPERATIVE)
  endif()
endforeach()
file(GENERATE OUTPUT ${shader_words}/embedded.inc
  CONTENT "${shader_arrays}static const shader shaders[] = {\n${shader_table}};\n")
add_custom_target(mote-shaders DEPENDS ${SHADER_OUTPUTS})
