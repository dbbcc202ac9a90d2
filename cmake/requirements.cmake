# requirements.cmake: finds what the library, the program and the tests need, and decides which of them are built:
# MOTE_BUILD_PROGRAM, MOTE_BUILD_TESTS. What is asked for and cannot be built is one error that names the packages.

# Adds `text` to the list `lacks` if what is called `found` was not found.
macro(mote_require lacks found text)
  if(NOT ${found})
    list(APPEND ${lacks} "${text}")
  endif()
endmacro()

function(mote_stop_if_lacking what lacks)
  if(lacks)
    list(JOIN lacks "\n  " lines)
    message(FATAL_ERROR "${what} needs what was not found:\n  ${lines}")
  endif()
endfunction()

# Sets `result` to whether `option`, one of AUTO, ON and OFF, can and shall be followed.
macro(mote_decide option result what lacks)
  set(${result} OFF)
  if("${${option}}" STREQUAL "AUTO")
    if(MOTE_TOP_LEVEL AND NOT ${lacks})
      set(${result} ON)
    endif()
  elseif(${option})
    mote_stop_if_lacking("${what} (${option}=${${option}})" "${${lacks}}")
    set(${result} ON)
  endif()
endmacro()

# ----------------------------------------------------------------------------------------------------------------------
# The library

find_path(VULKAN_INCLUDE vulkan/vulkan.h)
find_path(VOLK_INCLUDE volk.c)
find_program(GLSLC glslc)
find_path(JSMN_INCLUDE jsmn.h)
set(MOTE_LIBRARY_LACKS "")
mote_require(MOTE_LIBRARY_LACKS VULKAN_INCLUDE "vulkan/vulkan.h: on Debian libvulkan-dev, or -DVULKAN_INCLUDE=FOLDER")
mote_require(MOTE_LIBRARY_LACKS VOLK_INCLUDE "volk.c: on Debian libvulkan-volk-dev, or -DVOLK_INCLUDE=FOLDER")
mote_require(MOTE_LIBRARY_LACKS GLSLC "glslc: on Debian glslc, else shaderc's, or -DGLSLC=FILE")
mote_require(MOTE_LIBRARY_LACKS JSMN_INCLUDE "jsmn.h: on Debian libjsmn-dev, or -DJSMN_INCLUDE=FOLDER")
mote_stop_if_lacking("mote" "${MOTE_LIBRARY_LACKS}")

# ----------------------------------------------------------------------------------------------------------------------
# The program and the tests

# Sets PREFIX_FOUND and the target PkgConfig::PREFIX, as pkg_check_modules does, without a word and without pkg-config too.
macro(mote_find_by_pkg_config prefix name)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(${prefix} QUIET IMPORTED_TARGET ${name})
  endif()
endmacro()

set(MOTE_PROGRAM_LACKS "")
set(MOTE_TESTS_LACKS "")
if(MOTE_PROGRAM AND (MOTE_TOP_LEVEL OR NOT MOTE_PROGRAM STREQUAL "AUTO"))
  find_package(PkgConfig QUIET)
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  find_package(Threads QUIET)
  find_path(STB_INCLUDE stb/stb_image_write.h)
  find_package(GIF QUIET)
  find_package(ZLIB QUIET)
  mote_find_by_pkg_config(SPNG spng)
  mote_find_by_pkg_config(CJSON libcjson)
  mote_find_by_pkg_config(POPT popt)
  mote_require(MOTE_PROGRAM_LACKS PKG_CONFIG_FOUND "pkg-config: on Debian pkg-config")
  mote_require(MOTE_PROGRAM_LACKS Threads_FOUND "POSIX threads")
  mote_require(MOTE_PROGRAM_LACKS STB_INCLUDE "stb/stb_image_write.h: on Debian libstb-dev, or -DSTB_INCLUDE=FOLDER")
  mote_require(MOTE_PROGRAM_LACKS SPNG_FOUND "libspng: on Debian libspng-dev")
  mote_require(MOTE_PROGRAM_LACKS ZLIB_FOUND "zlib: on Debian zlib1g-dev")
  mote_require(MOTE_PROGRAM_LACKS GIF_FOUND "giflib: on Debian libgif-dev")
  mote_require(MOTE_PROGRAM_LACKS CJSON_FOUND "cJSON: on Debian libcjson-dev")
  mote_require(MOTE_PROGRAM_LACKS POPT_FOUND "popt: on Debian libpopt-dev")
endif()
mote_decide(MOTE_PROGRAM MOTE_BUILD_PROGRAM "The program" MOTE_PROGRAM_LACKS)

if(MOTE_TESTS AND (MOTE_TOP_LEVEL OR NOT MOTE_TESTS STREQUAL "AUTO"))
  mote_find_by_pkg_config(CMOCKA cmocka)
  mote_require(MOTE_TESTS_LACKS CMOCKA_FOUND "cmocka: on Debian libcmocka-dev")
  mote_require(MOTE_TESTS_LACKS MOTE_BUILD_PROGRAM "the program: -DMOTE_PROGRAM=ON says what that lacks")
endif()
mote_decide(MOTE_TESTS MOTE_BUILD_TESTS "The tests" MOTE_TESTS_LACKS)
