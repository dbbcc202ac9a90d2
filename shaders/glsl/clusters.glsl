// clusters.glsl: which whole groups of group normalisation a workgroup takes. Included after CLUSTER and p.

struct cluster_place {
  uint image, image_quads;   // which image, and how many vec4s the channels of one pixel take there
  uint first_block, blocks;  // of eight channels; counted through all images
  uint first_quad;           // of the image's
  uint groups;               // of this workgroup
  uint first_statistic;      // where the mean and the variance of the first of them stand
};

cluster_place find_place(uint cluster) {
  uint image_blocks = (p.channels + 7) / 8, image_clusters = (image_blocks + CLUSTER - 1) / CLUSTER;
  uint image = cluster / image_clusters, block = cluster % image_clusters * CLUSTER;
  uint members = p.channels / p.groups, group = block * 8 / members;
  return cluster_place(image, image_blocks * 2, image * image_blocks + block, min(CLUSTER, image_blocks - block), block * 2,
                       min(CLUSTER * 8 / members, p.groups - group), image * ((p.groups + 7) / 8 * 8) + group);
}
