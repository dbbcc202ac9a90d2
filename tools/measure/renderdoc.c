// renderdoc.c: takes a RenderDoc capture of what runs between two calls, by RenderDoc's in-application API.
//
// The library must be in the process before the Vulkan instance is made: it then switches its layer on.
#include "tools/measure/renderdoc.h"

#include "runtime/error.h"

#ifdef MOTE_RENDERDOC

#include <dlfcn.h>
#include <errno.h>
#include <renderdoc_app.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

mote_status renderdoc_init(renderdoc *renderdoc, mote_error *error) {
  *renderdoc = (struct renderdoc){0};
  // Never closed: its hooks stay in the process. When RenderDoc itself started mote, this is the copy that is there.
  void *library = dlopen("librenderdoc.so", RTLD_NOW | RTLD_LOCAL);
  const char *reason = library ? NULL : dlerror();
  if (!library)
    return fail(error, MOTE_ERROR_UNSUPPORTED,
                "--renderdoc: RenderDoc cannot be loaded (%s): install it (on Debian, librenderdoc; elsewhere from "
                "renderdoc.org, with the library's folder in LD_LIBRARY_PATH)", reason ? reason : "no reason given");
  pRENDERDOC_GetAPI get;
  *(void **)&get = dlsym(library, "RENDERDOC_GetAPI");
  void *api = NULL;
  if (!get || get(eRENDERDOC_API_Version_1_4_0, &api) != 1)
    return fail(error, MOTE_ERROR_UNSUPPORTED,
                "--renderdoc: librenderdoc.so has no API of version 1.4.0: install RenderDoc 1.5 or newer");
  renderdoc->api = api;
  return MOTE_OK;
}

// The wildcard: whatever device there is, and no window.
static const RENDERDOC_DevicePointer any_device = NULL;
static const RENDERDOC_WindowHandle any_window = NULL;

mote_status renderdoc_start(renderdoc *renderdoc, const char *path, mote_error *error) {
  const RENDERDOC_API_1_4_0 *api = renderdoc->api;
  int length = snprintf(renderdoc->template, sizeof renderdoc->template, "%s.%ld", path, (long)getpid());
  if (length < 0 || (size_t)length >= sizeof renderdoc->template)
    return fail(error, MOTE_ERROR_FILE, "--renderdoc: %s: name too long", path);
  api->SetCaptureFilePathTemplate(renderdoc->template);
  api->StartFrameCapture(any_device, any_window);
  if (!api->IsFrameCapturing())
    return fail(error, MOTE_ERROR_UNSUPPORTED,
                "--renderdoc: RenderDoc did not see the Vulkan device: its layer must be registered "
                "(renderdoc_capture.json in vulkan/implicit_layer.d; on Debian, in librenderdoc) and not switched off");
  return MOTE_OK;
}

mote_status renderdoc_end(renderdoc *renderdoc, mote_error *error) {
  const RENDERDOC_API_1_4_0 *api = renderdoc->api;
  char *written = renderdoc->written;
  uint32_t bytes = 0, captured = api->EndFrameCapture(any_device, any_window);
  uint32_t last = api->GetNumCaptures() - 1;
  if (captured && api->GetCapture(last, NULL, &bytes, NULL) && bytes <= sizeof renderdoc->written)
    api->GetCapture(last, written, &bytes, NULL);
  if (written[0]) return MOTE_OK;
  return fail(error, MOTE_ERROR_UNSUPPORTED,
              "--renderdoc: RenderDoc could not capture the step; its log, in /tmp/RenderDoc, says why");
}

mote_status renderdoc_keep(renderdoc *renderdoc, const char *path, mote_error *error) {
  if (!rename(renderdoc->written, path)) return MOTE_OK;
  int code = errno;
  unlink(renderdoc->written);
  return fail(error, MOTE_ERROR_FILE, "--renderdoc: %s: %s", path, strerror(code));
}

void renderdoc_discard(renderdoc *renderdoc) {
  const RENDERDOC_API_1_4_0 *api = renderdoc->api;
  if (api->IsFrameCapturing()) api->DiscardFrameCapture(any_device, any_window);
  if (renderdoc->written[0]) unlink(renderdoc->written);
}

#else

mote_status renderdoc_init(renderdoc *renderdoc, mote_error *error) {
  *renderdoc = (struct renderdoc){0};
  return fail(error, MOTE_ERROR_UNSUPPORTED,
              "--renderdoc: this mote was built without renderdoc_app.h: install it (on Debian, librenderdoc-dev), "
              "configure and build again");
}

mote_status renderdoc_start(renderdoc *renderdoc, const char *path, mote_error *error) {
  (void)path;
  return renderdoc_init(renderdoc, error);
}

mote_status renderdoc_end(renderdoc *renderdoc, mote_error *error) { return renderdoc_init(renderdoc, error); }

mote_status renderdoc_keep(renderdoc *renderdoc, const char *path, mote_error *error) {
  (void)path;
  return renderdoc_init(renderdoc, error);
}

void renderdoc_discard(renderdoc *renderdoc) { (void)renderdoc; }

#endif
