// keep_drivers.c: preloaded under LeakSanitizer. The Vulkan loader unloads the driver before the leak check, which then
// takes what the driver's globals still point at for leaked, and cannot name its functions. So nothing is unloaded.
int dlclose(void *handle);

int dlclose(void *handle) {
  (void)handle;
  return 0;
}
