# hardening.cmake: what the compiler and the linker can do against faults that are still in mote: bounds of library calls,
# guards of the stack, jumps to where none should lead, tables that stay writable. Not with sanitizers, which see more.
option(MOTE_HARDENING "Compile and link with the guards that the compiler has" ${MOTE_TOP_LEVEL})

include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)

if(MOTE_HARDENING AND NOT MOTE_SANITIZE AND NOT CMAKE_C_FLAGS MATCHES "-fsanitize")
  check_pie_supported(LANGUAGES C)  # programs are linked to lie anywhere, as their objects are compiled to
  # 3 where the compiler optimises, else 0: glibc warns of it there. Compilers that set it by themselves are overruled.
  add_compile_options(-U_FORTIFY_SOURCE "-D_FORTIFY_SOURCE=(3*__OPTIMIZE__)")
  foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection)
    string(MAKE_C_IDENTIFIER MOTE_HAS${flag} has)
    check_c_compiler_flag(${flag} ${has})
    if(${has})
      add_compile_options(${flag})
    endif()
  endforeach()
  foreach(flag relro now noexecstack)
    check_linker_flag(C LINKER:-z,${flag} MOTE_LINKS_${flag})
    if(MOTE_LINKS_${flag})
      add_link_options(LINKER:-z,${flag})
    endif()
  endforeach()
endif()
