# ascii_shaders.cmake: copies the shaders with '?' for every byte that is not ASCII, all of them in comments: glslc 2023
# writes such bytes, and the three after them, wrongly into the SPIR-V's source.
#
#   cmake -DFROM=$PWD/shaders -DTO=FOLDER -P cmake/ascii_shaders.cmake
file(GLOB_RECURSE names RELATIVE ${FROM} ${FROM}/*.comp ${FROM}/*.glsl ${FROM}/*.h)
foreach(name ${names})
  file(READ ${FROM}/${name} text)
  string(REGEX REPLACE "[^\t\n -~]" "?" text "${text}")
  set(old "")
  if(EXISTS ${TO}/${name})
    file(READ ${TO}/${name} old)
  endif()
  if(NOT old STREQUAL text)
    file(WRITE ${TO}/${name} "${text}")
  endif()
endforeach()
file(TOUCH ${TO}/stamp)
