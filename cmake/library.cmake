# library.cmake: the library for programs outside of this tree, shared with -DBUILD_SHARED_LIBS=ON, else static: the target
# mote::mote, here and once installed. Only the API's names are visible in it: a host may have a buffer_create of its own.
if(BUILD_SHARED_LIBS)
  add_library(mote-library SHARED $<TARGET_OBJECTS:mote-objects>)
  set_target_properties(mote-library PROPERTIES VERSION ${PROJECT_VERSION}
                        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} LINKER_LANGUAGE C)
  target_link_libraries(mote-library PRIVATE m ${CMAKE_DL_LIBS})
else()
  add_library(mote-library STATIC $<TARGET_OBJECTS:mote-objects>)
  target_link_libraries(mote-library INTERFACE m ${CMAKE_DL_LIBS})
  set_target_properties(mote-library PROPERTIES LINKER_LANGUAGE C)
  if(CMAKE_OBJCOPY AND NOT APPLE)
    # All objects become one, in which every name but the API's is local.
    set(combined $<TARGET_FILE_DIR:mote-library>/mote.o)
    add_custom_command(TARGET mote-library POST_BUILD VERBATIM
      COMMAND ${CMAKE_LINKER} -r -o ${combined} --whole-archive $<TARGET_FILE:mote-library>
      COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${combined}
      COMMAND ${CMAKE_COMMAND} -E rm -f $<TARGET_FILE:mote-library>
      COMMAND ${CMAKE_AR} qcs $<TARGET_FILE:mote-library> ${combined}
      COMMAND ${CMAKE_COMMAND} -E rm -f ${combined}
      COMMENT "Hiding what is not the API's in the static library")
  endif()
endif()
add_library(mote::mote ALIAS mote-library)
set_target_properties(mote-library PROPERTIES OUTPUT_NAME mote EXPORT_NAME mote
                      ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
                      LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
target_include_directories(mote-library INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
