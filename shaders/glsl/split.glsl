// split.glsl: results that are two tensors, the gradients of two inputs that a convolution took as one, or one tensor for each of
// several layers that were joined.

// Where the pixels of an image's block of eight channels begin, in vec4s: the first `split` of `blocks` blocks are the first
// tensor's, and the second tensor begins at `second_at`. All in one: split = blocks.
int block_at(int image, int block, int blocks, int split, int second_at, int pixels) {
  int first = (image * split + block) * pixels * 2;
  int second = second_at + (image * (blocks - split) + block - split) * pixels * 2;
  return block < split ? first : second;
}

// The same of joined layers, each of `split` blocks; one output begins `second_at` after the one before it.
int joined_block_at(int image, int block, int split, int second_at, int pixels) {
  return block / split * second_at + (image * split + block % split) * pixels * 2;
}
