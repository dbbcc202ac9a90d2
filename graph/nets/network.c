// network.c: finds the networks of nets.def and builds them.
#include "graph/nets/network.h"

#include <stdio.h>
#include <string.h>

#define NETWORK(name) &name##_network,
static const network *const networks[] = {
#include "graph/nets/nets.def"
};
#undef NETWORK

#define NETWORK(name) #name,
const char *const network_names[] = {
#include "graph/nets/nets.def"
    NULL};
#undef NETWORK

const network *network_at(int index) {
  return index < (int)(sizeof networks / sizeof *networks) ? networks[index] : NULL;
}

const network *network_find(const char *name) {
  if (!name[0]) return network_at(0);
  for (int i = 0; network_at(i); i++)
    if (!strcmp(network_at(i)->name, name)) return network_at(i);
  return NULL;
}

const network *network_of(const mote_model_info *info) {
  return info->network ? info->network : network_find(info->architecture);
}

network_list network_list_of(bool classifies) {
  network_list list = {""};
  for (int i = 0; network_at(i); i++) {
    const size_t used = strlen(list.text);
    if (network_at(i)->classifies == classifies)
      snprintf(list.text + used, sizeof list.text - used, "%sa %s", used ? " or " : "", network_at(i)->name);
  }
  return list;
}

shape network_image_shape(const mote_model_info *info, int batch) {
  return (shape){batch, info->channels, info->height, info->width ? info->width : info->height};
}

static size_t size_of(shape image) { return (size_t)image.c * (size_t)image.h * (size_t)image.w; }

size_t network_image_size(const mote_model_info *info) { return size_of(network_image_shape(info, 1)); }

shape network_output_shape(const mote_model_info *info, int batch) {
  shape made = network_image_shape(info, batch);
  if (info->out_channels) made.c = info->out_channels;
  return made;
}

size_t network_output_size(const mote_model_info *info) { return size_of(network_output_shape(info, 1)); }

int network_context_count(const mote_model_info *info) { return info->n_cfeat ? info->n_cfeat : 1; }

int network_timestep(const mote_model_info *info, int step) { return step + (network_of(info)->counts_from_0 ? 1 : 0); }

network_inputs network_make_inputs(graph *graph, const mote_model_info *info, int batch, bool train) {
  network_inputs made = {.x = graph_input(graph, "x", network_image_shape(info, batch), ROLE_ACTIVATION), .train = train};
  if (network_of(info)->classifies) return made;
  made.time = graph_input(graph, "time", (shape){batch, 1, 1, 1}, ROLE_ACTIVATION);
  made.context = graph_input(graph, "context", (shape){batch, network_context_count(info), 1, 1}, ROLE_ACTIVATION);
  return made;
}

network_outputs network_build(graph *graph, const mote_model_info *info, const network_inputs *inputs) {
  const network *network = network_of(info);
  if (!inputs->x || (!network->classifies && !(inputs->time && inputs->context))) return (network_outputs){0};
  return network->build(graph, info, inputs);
}

mote_status network_check_images(const mote_model_info *info, mote_error *error) {
  const shape image = network_image_shape(info, 1), made = network_output_shape(info, 1);
  if (made.c != image.c)
    return fail(error, MOTE_ERROR_UNSUPPORTED, "the model makes %d channels of %d, expected as many: it makes no images of noise",
                made.c, image.c);
  return MOTE_OK;
}
