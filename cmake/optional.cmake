# optional.cmake: finds what gives the program parts that it can do without.
find_package(JPEG QUIET)                         # JPEG images among the data
mote_find_by_pkg_config(WEBP libwebp)            # WebP images among the data
mote_find_by_pkg_config(CHAFA chafa)             # mote sample --preview
find_path(RENDERDOC_INCLUDE renderdoc_app.h)     # mote profile --renderdoc; the library is found at run time
