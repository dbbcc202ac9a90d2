// split.glsl: results that are two tensors, the gradients of two inputs that a convolution took as one.

// Where the pixels of an image's block of eight channels begin, in vec4s: the first `split` of `blocks` blocks are the first
// tensor's, and the second tensor begins at `second_at`. All in one: split = blocks.
int block_at(int image, int block, int blocks, int split, int second_at, int pixels) {
  int first = (image * split + block) * pixels * 2;
  int second = second_at + (image * (blocks - split) + block - split) * pixels * 2;
  return block < split ? first : second;
}
