// vectors.glsl: tensors that are read four channels at a time. A shader that includes this is compiled twice: as NAME it
// reads storage buffers, as NAME_texel (with TEXELS defined) texel buffers, which are the fast read of CPU drivers.
#ifdef TEXELS
#define VECTORS(slot, block, name) layout(binding = slot, rgba32f) readonly uniform imageBuffer name
#define AT(name, i) imageLoad(name, int(i))
#else
#define VECTORS(slot, block, name) layout(binding = slot) readonly buffer block { vec4 name[]; }
#define AT(name, i) name[i]
#endif
