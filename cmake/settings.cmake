# settings.cmake: how mote's own files are compiled. All of it ends with this folder: a host's targets get none of it.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_UNITY_BUILD OFF)  # files have static functions of the same name
if(MOTE_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wno-missing-field-initializers)
if(MOTE_WERROR)
  add_compile_options(-Werror)
elseif(NOT MOTE_TOP_LEVEL)
  add_compile_options(-Wno-error)  # a host's -Werror is about the host's files
endif()
add_compile_definitions(_GNU_SOURCE VK_NO_PROTOTYPES)
# Before a host's own folders, which may hold a runtime/error.h or a mote.h too.
include_directories(BEFORE include . ${PROJECT_BINARY_DIR})

if(MOTE_SANITIZE)
  add_compile_options(-fsanitize=${MOTE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MOTE_SANITIZE})
endif()

# For file(GLOB): a file that is added is noticed by itself. CMake writes what it watches for into a script, where a quote in
# a path would end its string; and it would find nothing where the path itself is a pattern.
set(MOTE_WATCHED CONFIGURE_DEPENDS)
if(PROJECT_SOURCE_DIR MATCHES "\"")
  set(MOTE_WATCHED "")
endif()
if(PROJECT_SOURCE_DIR MATCHES "[][*?]")
  message(FATAL_ERROR "mote cannot be built in a folder whose path has one of [ ] * ?, which CMake takes for a pattern: "
                      "${PROJECT_SOURCE_DIR}")
endif()
