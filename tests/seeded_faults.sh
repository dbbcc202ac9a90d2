#!/usr/bin/env bash
# seeded_faults.sh: puts one fault after the other into a copy of a shader or C file and requires that the tests turn red:
# tests that pass over a wrong kernel are worth nothing. Ends with "N passed, N failed".
#
# Usage: tests/seeded_faults.sh [--build FOLDER] [--part I/N] [TEXT]
#
#   --build FOLDER  where mote and its tests are built (build-gcc)
#   --part I/N      only every Nth fault, from the Ith on
#   TEXT            only the faults whose line holds it
#
# Nothing is built again but what holds the fault: seeded_fault.c reads shaders from a folder, and runs the op tests that
# take them; a C file becomes an object that stands before the library when its test is linked.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

# One fault a line: file, sed expression. To add a kernel: add a line; an expression that changes nothing is an error.
# Each is a mistake that someone could make: a lost term, an off-by-one, a wrong index, a forgotten factor. A shader is
# named by its file in shaders/; before a C file, whose path is the tree's, stands the test that has to notice: test:path.
faults=(
  'activation.comp           s/activate(x\[i\], KIND)/x[i]/'
  'activation_backward.comp  s/activate_gradient(x\[i\], KIND)/activate(x[i], KIND)/'
  'add.comp                  s/(a\[i\] + b\[i\])/(a[i] - b[i])/'
  'add.comp                  s/ \* p\.scale;/;/'
  'attention.comp            s/sums\[c\] \* shrink + tile/sums[c] + tile/'
  'attention.comp            s/total = total \* shrink + sum/total += sum/'
  'attention.comp            s/ATTENTION_TILE; j++) sum += /ATTENTION_TILE - 1; j++) sum += /'
  'attention.comp            s/ = most + log2(total)/ = log2(total)/'
  'attention_backward.comp   s/(dp\[j\] - own_d)/dp[j]/'
  'attention_backward_keys.comp s/(dp\[j\] - d\[at\])/dp[j]/'
  'attention_texel.comp      s/shrink\[g\] = exp2(before - most\[g\])/shrink[g] = 1.0/'
  'attention_backward_texel.comp       s/dp\[i\] = -own_d\[i % GROUPS\];/dp[i] = 0.0;/'
  'attention_backward_keys_texel.comp  s/ds\[i\] = -OF_PIXEL(their_d, /ds[i] = -OF_PIXEL(their_lse, /'
  'glsl/attention_texel.glsl s/first == 0 ? tile\[i\] : to/to/'
  'glsl/attention_texel.glsl s/if (channel >= h\.first \&\& channel < h\.end/if (channel < h.end/'
  'glsl/attention_texel.glsl s/min(first + t \* 8 + /min(t * 8 + /'
  'glsl/attention.glsl       s/ \* vec4(lessThan(channel, uvec4(h\.end)))//'
  'glsl/attention.glsl       s/ + h\.head \/ 8)/)/'
  'batch_norm.comp           s/ + p\.epsilon)/)/'
  'batch_norm.comp           s/(AT(x, from + i) - m)/AT(x, from + i)/'
  'batch_norm_fold.comp      s/(bias\[o\] - mean\[o\])/(bias[o] + mean[o])/'
  'batch_norm_train.comp     s/all\.deviation \/ all\.count/all.deviation \/ (all.count - 1.0)/'
  'batch_norm_train.comp     s/max(all\.count - 1\.0, 1\.0)/all.count/'
  'batch_norm_train.comp     s/, count));/, count - 1));/'
  'batch_norm_train.comp     s/s < p\.slices; s += /s + 1 < p.slices; s += /'
  'batch_norm_train.comp     s/= slice_moments(vec4(all\.count)/= slice_moments(vec4(1.0)/'
  'batch_norm_train.comp     s/lane < 2 \&\& slice == 0/lane < 2 \&\& slice == 1/'
  'glsl/moments.glsl         s/delta \* delta \* (a\.count \* share)/delta * delta * share/'
  'glsl/moments.glsl         s/vec4 d = AT(tensor, from + i \* stride) - mean;/vec4 d = AT(tensor, from + i * stride);/'
  'channel_sum.comp          s|total += sum;|total += sum + float(p.batch / 999) * AT(dy, p.batch * p.channel_blocks * p.pixels * 2);|'
  'concat.comp               s/b\[n \* p\.b_quads + at - p\.a_quads\]/b[n * p.b_quads]/'
  'concat_backward.comp      s/db\[n \* p\.b_quads + at - p\.a_quads\]/db[n * p.b_quads]/'
  'conv.comp                 s|tap % KERNEL - KERNEL / 2;|tap % KERNEL;|'
  'conv.comp                 s/sum += bias\[layer \* p\.bias_gap + block \* 2 + half_block\]/sum += vec4(0.0)/'
  'conv.comp                 s/block \/ p\.split : 0/0 : 0/'
  'conv_pointwise_texel.comp s/bias\[bias_gap + /bias[/'
  'glsl/split.glsl           s/image \* split + block % split/image * split + block/'
  'conv_texel.comp           s/(column) < int(p\.width)  /(column) < int(p.width) - 1  /'
  'conv_texel.comp           s/ + b, ACTIVATION/, ACTIVATION/'
  'conv_down.comp            s/ - int(p\.padding);/ - 1;/'
  'conv_down.comp            s/found < size ?/found < size - 1 ?/'
  'conv_down_texel.comp      s/c >= 0 \&\& c < width/c < width/'
  'conv_down_texel.comp      s/kind + apart - 1/kind/'
  'conv_down_texel.comp      s/(first_block + min(b, last)) \* quads/first_block * quads/'
  'conv_down_weight_gradient.comp       s/total += sum/total = sum/'
  'conv_down_weight_gradient_texel.comp s/column + t >= 0 \&\& //'
  'conv_pointwise_texel.comp s/weight_block + b) \* all_quads/weight_block) * all_quads/'
  'conv_pointwise_texel.comp s/SUM_OVER(second, p\.second_quads, p\.first_quads)/SUM_OVER(second, p.second_quads, 0)/'
  'conv_pointwise_texel.comp s/images\[g\] = mine/images[g] = first/'
  'conv_pointwise_texel.comp s/(first_block + b) \* 8 + lane/first_block * 8 + lane/'
  'conv_matrix.comp          s/k < 2 \* UNITS; k += 4/k < 2 * UNITS - 4; k += 4/'
  'conv_matrix.comp          s/i \/ COLUMNS \* 2 + v % 4/i \/ COLUMNS + v % 4/'
  'conv_matrix.comp          s/half_block) \* p\.x_scale/half_block)/'
  'glsl/matrices.glsl        s/right + at \/ 16 \* ROW/right + at % 16 * ROW/'
  'glsl/matrices.glsl        s/operand(left + k \* ROW + left_row \/ 4)/operand(left + k * ROW)/'
  'glsl/conv_patches.glsl    s/uint(row) >= height || //'
  'conv_tiled.comp           s/g < SPLIT; g++/g < SPLIT - 1; g++/'
  'glsl/conv_patches.glsl    s/block - first_blocks) \* pixels/block) * pixels/'
  'glsl/conv_patches.glsl    s/ \* STRIDE + tap % KERNEL/ + tap % KERNEL/'
  'glsl/conv_patches.glsl    s/y_column + within_square % SQUARE/y_column/'
  'conv_winograd.comp        s/pixels >> 2 \* HALF/pixels/'
  'conv_texel.comp           s/((column) >> HALF)/(column)/'
  'conv.comp                 s/(pixels >> 2 \* HALF)/pixels/'
  'conv_winograd.comp        s/at = PLACES - 1; at >= 0; at--/at = 0; at < PLACES; at++/'
  'conv_winograd.comp        s/group \/ GROUPS \* HIGH + row - 1/row - 1/'
  'glsl/uniform.glsl         s/ | UNIFORM_DIGIT(x, 1)//'
  'conv_winograd.comp        s/odd + 8\.0 \* odd_2 + m\[5\]/odd + 8.0 * odd_2/'
  'glsl/winograd.glsl        s/4\.0 \* (d\[1\] - d\[3\])/4.0 * d[1]/'
  'conv_transpose.comp       s/row % p\.kernel \* p\.kernel + column % p\.kernel;/column % p.kernel * p.kernel + row % p.kernel;/'
  'conv_transpose_texel.comp s/const int TAPS = 4;/const int TAPS = 3;/'
  'group_norm.comp           s/(quad \* 4 + k) \/ members/quad * 4 \/ members/'
  'group_norm.comp           s/k >= members/k >= members - 1/'
  'group_norm.comp           s/activate(value, ACTIVATION) : value/value : value/'
  'group_norm.comp           s/m -= find_term(place, c)/m -= vec4(0.0)/'
  'group_norm.comp           s/block_mean\[lane\] += find_term/block_mean[lane] += 0.5 * find_term/'
  'group_norm.comp           s/within - p\.first_blocks) \*/within) */'
  'glsl/scale_shift.glsl     s/return shift\[row \* quads + c\]/return shift[c]/'
  'glsl/scale_shift.glsl     s/return scale\[image \* quads + c\]/return scale[c]/'
  'glsl/scale_shift.glsl     s/? 1\.0 + scale/? scale/'
  'glsl/scale_shift.glsl     s/ ? quads : 0)/ ? 0 : 0)/'
  'glsl/scale_shift.glsl     s/row \* 2 \* quads : /row * quads : /'
  'glsl/clusters.glsl        s/min(CLUSTER, image_blocks - block)/CLUSTER/'
  'linear.comp               s/float sum = bias\[.*\];/float sum = 0.0;/'
  'linear.comp               s/l\.first\[2\] \* 4 + o/o/'
  'glsl/linear.glsl          s/gl_WorkGroupID\.z \* LINEAR_WORDS/0/'
  'max_pool.comp             s/max(x\[below\], x\[below + 2\])/x[below]/'
  'max_pool_mean.comp        s/sum \/ float(pixels)/sum \/ float(pixels + 1)/'
  'max_pool_mean.comp        s/max(AT(x, below), AT(x, below + 2))/AT(x, below)/'
  'mean_pool.comp            s/sum \/ float(p\.pixels)/sum \/ float(p.pixels - 1)/'
  'normal_noise.comp         s/step_words\[STEP_FIRST_SAMPLE\] + n, p\.step/step_words[STEP_FIRST_SAMPLE], p.step/'
  'inpaint.comp              s/mask\[n \* pixels + e % pixels\]/mask[e % pixels]/'
  'inpaint.comp              s/normals(four, n, STREAM_BACK)/normals(four, n, STREAM_KNOWN)/'
  'blend.comp                s/row\[i \/ p\.image_quads\]/row[0]/'
  'cross_entropy.comp         s/x\[first + k\] - most) \/ total \* wanted/x[first + k] - most) \/ total/'
  'cross_entropy.comp         s/wanted \* log(total)/log(total)/'
  'combine_batch.comp        s/x\[k \* p\.quads + i\]/x[i]/'
  'repeat_batch.comp         s/x\[i % p\.x_quads\]/x[i]/'
  'sampler_update.comp       s/precise float m = model\[at\]/precise float m = model[at - k]/'
  'sampler_update.comp       s/(m - model\[avoided + at\])/m/'
  'sampler_update.comp       s/-limit\[n\], limit\[n\]/-limit[0], limit[0]/'
  'sampler_update.comp       s/updated += d \* previous\[at\]/updated += d * m/'
  'sampler_update.comp       s/previous\[at\] = m;/previous[at] = x[at];/'
  'sampler_update.comp       s/ + 1 < gl_NumWorkGroups\.x \* gl_NumWorkGroups\.y) return/ + 1 < 2) return/'
  'sampler_update.comp       s/step_words\[STEP_ARRIVED\] = 0;//'
  'x0_limit.comp             s/covered <= p\.rank/covered < p.rank/'
  'x0_limit.comp             s/covered > p\.rank + 1u || //'
  'x0_limit.comp             s/ + p\.beyond \* (b - a)//'
  'x0_limit.comp             s/max(1\.0, \(.*\));/\1;/'
  'scale_shift.comp          s/\* 2 % p\.channel_quads + i % 2/* 2 % p.channel_quads/'
  'step_advance.comp         s/ += 1/ += 2/'
  'glsl/activation.glsl      s/0\.254829592/0.255829592/'
  'glsl/activation.glsl      s/max(x, 0\.0), x > 0/max(x, -0.01), x > 0/'
  'glsl/activation.glsl      s/, x > 0\.0 ? 1\.0/, x > -1.0 ? 1.0/'
  'glsl/activation.glsl      s/x \* (1\.0 - s)/x * s/'
  'glsl/activation.glsl      s/near \* (4\.0/(4.0/'
  'adamw.comp                s/ \* of_state(TRAIN_ROOT)//'
  'accumulate.comp           s/level\[i\] + sum/level[i] - sum/'
  'accumulate.comp           s/last ? batch : batch \& ~(batch + 1)/batch \& ~(batch + 1)/'
  'accumulate.comp           s/bitCount(full);/0;/'
  'accumulate.comp           s/last ? 0 : batch + 1/batch + 1/'
  'draw_batch.comp           s/state\[TRAIN_BATCH\] \* p\.batch + n/n/'
  'adamw.comp                s/p\.share \* statistics/statistics/'
  'adamw.comp                s/p\.momentum \* (/(/'
  'average_pool.comp         s/AT(x, below + 2)/AT(x, below)/'
  'average_pool.comp         s/p\.factor \* //'
  'upsample.comp             s/p\.factor \* //'
  'batch_norm_backward.comp  s/ - here\.normal \* m\.product//'
  'batch_norm_backward.comp  s/s < p\.slices; s += /s + 1 < p.slices; s += /'
  'batch_norm_backward.comp  s/float(p\.batch) \* float(p\.pixels)/float(p.batch) * float(p.pixels) \/ float(p.slices)/'
  'batch_norm_backward.comp  s/(factor \* g)/g/'
  'batch_norm_backward.comp  s/ - here\.normal\[i\] \* m\.product//'
  'batch_norm_backward.comp  s/activate_gradient(chosen, ACTIVATION) \* g/g/'
  'batch_norm_backward.comp  s/dz\[i\] \* here\.normal\[i\];/dz[i] * here.normal[0];/'
  'batch_norm_backward.comp  s/dscale\[image_channel\] = scale_sum/dscale[image_channel] = shift_sum/'
  'glsl/squares.glsl         s/walk\.at\.y + 1/walk.at.y/'
  'glsl/squares.glsl         s/walk\.columns \* 4 + 2)/walk.columns * 4)/'
  'batch_norm_train.comp     s/normalise(k, at\[3\])/normalise(k, at[2])/'
  'batch_norm_train.comp     s/(value + AT(residual, at))/value/'
  'batch_norm_train.comp     s/scale\[image_channel\] \* value/scale[image_channel % 2] * value/'
  'channel_sum.comp          s/total += sum/total = sum/'
  'channel_sum.comp          s/pixel += p\.columns/pixel += p.columns * 2/'
  'conv_transpose_data_gradient.comp         s/p\.first_block + block/block/'
  'conv_transpose_data_gradient_texel.comp   s/int(p\.first_block) + first_block/first_block/'
  'conv_transpose_data_gradient_texel.comp   s/(b \* GROUPS + g) \* 8/g * 8/'
  'conv_transpose_weight_gradient.comp       s/total += sum/total = sum/'
  'conv_transpose_weight_gradient_texel.comp s/bool exists = first + lane < count;/bool exists = true;/'
  'conv_transpose_weight_gradient_texel.comp s/total += sum/total = sum/'
  'conv_weight_gradient.comp s/max(0, -dc)/0/'
  'conv_weight_gradient_texel.comp           s/bias_sum += sum/bias_sum = sum/'
  'conv_weight_gradient_texel.comp           s/g\[k + i\];  /g[i];  /'
  'glsl/turn.glsl            s/lane % 4 < 2/lane % 4 < 3/'
  'glsl/conv_weight_gradient_texel.glsl      s/pair % input_blocks, /pair % 2, /'
  'conv_weight_gradient_winograd.comp        s/bias_sum += even + odd/bias_sum += even - odd/'
  'conv_weight_gradient_winograd.comp        s/(row) < int(p\.height) \&\& //'
  'conv_weight_gradient_winograd.comp        s/ \&\& column + lane \/ 2 < int(p\.width)//'
  'conv_weight_gradient_winograd.comp        s/ \&\& column + j < int(p\.width)//'
  'conv_weight_gradient_winograd.comp        s/here\[i\] = 0\.0/here[i] = 1.0/'
  'conv_weight_gradient_winograd.comp        s/4\.0 \* wide + s\[5\]/4.0 * wide/'
  'glsl/split.glsl           s/second_at + (image/(image/'
  'conv_weight_gradient_sum.comp             s/part < p\.parts/part < p.parts - 1/'
  'conv_weight_gradient_tiled.comp           s/ || uint(row) >= p\.height//'
  'conv_weight_gradient_tiled.comp           s/ + place % SQUARE;/;/'
  'conv_weight_gradient_tiled.comp           s/stage % passes \* COLUMNS/0/'
  'conv_weight_gradient_matrix.comp           s/ \* p\.dy_scale)/)/'
  'conv_weight_gradient_matrix.comp           s/sum \/ p\.dy_scale/sum/'
  'conv_weight_gradient_matrix.comp           s/k < STAGE; k += 16/k < STAGE - 16; k += 16/'
  'conv_weight_gradient_matrix.comp           s/tap % KERNEL - R;/tap % KERNEL;/'
  'conv_weight_gradient_matrix.comp           s/ + tap % SQUARE)/)/'
  'conv_weight_gradient_matrix.comp           s/^  quad -= first_quads;//'
  'conv_weight_gradient_matrix.comp           s/min(stages, (part + 1) \* share)/min(stages - 1, (part + 1) * share)/'
  'draw_batch.comp           s/t += 1;/t += 2;/'
  'draw_batch.comp           s/++which, draw/which, draw/'
  'batch_norm_backward.comp  s/product += here\.dz \* here\.normal/product += here.dz/'
  'glsl/lane_sums.glsl       s/lane_sums\[lane\]\[1\] += lane_sums\[lane + count\]\[1\];//'
  'group_norm_backward.comp  s/ - here\.normal \* b)/)/'
  'group_norm_backward.comp  s/block_b\[lane\] = k\.gamma \* t/block_b[lane] = t/'
  'group_norm_backward.comp  s/(k\.factor \* g)/g/'
  'group_norm_backward.comp  s/total += gradient/total += here.dz/'
  'group_norm_backward.comp  s/found\.mean -= shift_term/found.mean += shift_term/'
  'group_norm_backward.comp  s/pixel(normal, z, g, k\.factor \* g)/pixel(normal, z, g, g)/'
  'glsl/scale_shift.glsl     s/dshift\[at\] = sum/dshift[at] = product/'
  'glsl/scale_shift.glsl     s/dscale\[at + quads\] = sum/dscale[at + quads] = product/'
  'linear_data_gradient.comp s/o < l\.outs/o < l.outs - 1/'
  'linear_weight_gradient.comp               s/n < l\.batch/n < l.batch - 1/'
  'max_pool_backward.comp    s/p\.width \* 4 + 2)/p.width * 4)/'
  'mean_pool_backward.comp   s/ \/ float(p\.pixels)//'
  'mean_pool_backward.comp   s/share \*= activate_gradient/share += activate_gradient/'
  'mean_pool_backward.comp   s/value += AT(residual, at)/value = AT(residual, at)/'
  'mse.comp                  s/2\.0 \* p\.share/p.share/'
  'mse.comp                  s/squares += d \* d/squares += d/'
  'mse.comp                  s/w \* sum/sum/'
  'mse_total.comp            s/total \* p\.share/total/'
  'glsl/workgroup_sum.glsl   s/lane < count/lane + 1 < count/'
  'group_norm_backward.comp  s/dbeta\[c\] = s/dbeta[c] = t/'
  'glsl/arrival.glsl         s/return arrived == (ARRIVING)/return arrived == 1/'
  'permutation.h             s/round < 4u/round < 3u/'
  'glsl/philox.glsl          s/round < 10/round < 9/'
  'scale_shift_backward.comp s/term = shift_term(FORM, n, c/term = shift_term(FORM, 0, c/'
  'scale_shift_backward.comp s/t += g;/t += AT(x, at);/'
  'train_control.comp        s/piece \* TRAIN_CONTROL_QUADS,/piece * TRAIN_CONTROL_QUADS + 1,/'
  'train_control.comp        s/first + TRAIN_CONTROL_QUADS, quads/first + TRAIN_CONTROL_QUADS - 1, quads/'
  'train_control.comp        s/if (!arrives_last()) return;/if (arrives_last()) return;/'
  'train_control.comp        s/workgroup_sum(sum) \* p\.loss_share/workgroup_sum(sum)/'
  'linear_data_gradient.comp s/activate_gradient(z\[z_row + o\], ACTIVATION)/activate_gradient(z[o], ACTIVATION)/'
  'linear_weight_gradient.comp               s/ = total;/ = sum.x;/'
  'linear.comp               s/\] = sum;/] = 0.0;/'
  'linear_weight_gradient.comp               s/db\[l\.first\[4\] \* 4 + o\]/db[o]/'
  'train_control.comp        s/i < pieces; i += gl/i + 1 < pieces; i += gl/'
  'train_control.comp        s/ring\[t % TRAIN_RING\]/ring[(t + 1) % TRAIN_RING]/'
  'sinusoids.comp            s/whole \* f\.x + high/whole * f.x/'
  'sinusoids.comp            s/x += part \*/x -= part */'
  'sinusoids.comp            s/c >= half_count \* 2 ? 0\.0 : //'
  'upsample.comp             s/ below = to + p\.width \* 4/ below = to + p.width * 2/'
  'glsl/fours.glsl           s/ + e % area) \* 8/ + e \/ 4 * 4 % area) * 8/'
  'dropout.comp              s/index\[i \/ p\.each\]/index[0]/'
  'dropout.comp              s/STREAM_TRAIN_DROPOUT + p\.layer/STREAM_TRAIN_DROPOUT/'
  'weight_transpose.comp     s/flip != 0/flip == 0/'
  'test_plan:graph/compile/place.c    s/order\[j\]->first <= item->last/order[j]->first < item->last/'
  'test_plan:graph/compile/place.c    s/if (end > at) at = end;/at = end;/'
  'test_passes:graph/compile/fill.c   s/count_uses(graph, tensor) != 1/count_uses(graph, tensor) == 0/'
  'test_passes:graph/compile/fill.c   s/2 \* epilogue_of(node)->scale/2/'
  'test_passes:graph/compile/fill.c   s/slots\[i - 1\] = node->inputs\[i\]/slots[i - 1] = node->inputs[1]/'
  'test_passes:graph/compile/ready.c  s/(node->writes >> i \& 1) \&\& //'
  'test_passes:graph/compile/ready.c  s/(node->writes >> i \& 1)/false/'
  'test_passes:graph/compile/ready.c  s/node->outputs\[i\] == tensor/false/'
  'test_passes:graph/compile/differentiate.c  s/i >= 0 \&\& !graph/i > 0 \&\& !graph/'
  'test_passes:graph/compile/passes.c  s/if (graph->noted\.output)/if (!graph)/'
  'test_passes:graph/compile/passes.c  s/apply_at(graph, PASS_BETWEEN, passes)/apply_at(graph, PASS_BETWEEN, PASS_ALL)/'
  'test_passes:graph/compile/differentiate.c  s/kind = TENSOR_GRADIENT/kind = TENSOR_ACTIVATION/'
  'test_passes:graph/compile/liveness.c  s/if (at > life->last) life->last = at;//'
  'train_control.comp        s/of_weights ? max(first, p\.gradient_quads) + lane : end/end/'
  'test_replay:graph/diffusion/sampler.c  s/sampler->prepared_version == sampler->model->version/true/'
  'test_program:graph/compile/liveness.c  s/stage_at(ends, life->first) != stage_at(ends, life->last)/stage_at(ends, life->first) < 0/'
  'test_program:graph/compile/program.c   s/i < sequence.count; i++)$/i + 1 < sequence.count; i++)/'
  'test_passes:graph/ir/views.c       s/place_after(graph, tensor_bytes(first->view_of))/0/'
  'test_replay:runtime/commands.c     s/(a->write || b->write)/(a->write \&\& b->write)/'
  'test_replay:runtime/commands.c     s/if (\*hazard) commands->pending_count = 0;//'
  'test_tune:graph/compile/choose.c   s/if (tolerance == 0 ||.*) return false;/if (tolerance == 0) continue;/'
  'test_tune:graph/compile/choose.c   s/graph_truncate(t->graph, tensors)/graph_truncate(t->graph, tensors + 99)/'
  'test_tune:graph/kernels/kernel.c   s/ \&\& !variants\[i\]\.unlikely//'
  'test_tune:graph/kernels/kernel.c   s/a->kernel->order \&\& a/a/'
  'test_passes:graph/ops/conv_weight_gradient.c  s/layer < layer_count(node); layer++) {$/layer < 1; layer++) {/'
  'test_passes:graph/compile/equal.c  s/ || is_written(graph, first->outputs\[i\])//'
  'test_passes:graph/compile/equal.c  s/ \&\& could_run_at(graph, node, first)//'
  'test_passes:graph/compile/equal.c  s/ \&\& !tensor->keep//'
  'test_passes:graph/compile/equal.c  s/if (memcmp(first->attributes.*//'
  'test_kernels:graph/ops/weight_transpose.c  s/ \&\& !weight->requires_grad//'
  'test_kernels:graph/ir/layout.c      s/ELEMENT_F16 ? 2 : 4/ELEMENT_F16 ? 4 : 4/'
  'test_kernels:graph/ir/layout.c      s/half_from_float(\*rows)/half_from_float(*rows * 2)/'
  'test_kernels:graph/kernels/kernel.c s/stores_half != is_/stores_half > is_/'
  'test_kernels:graph/compile/choose.c   s/!list || !list->count/list || !list/'
  'test_kernels:graph/kernels/packing.c  s/train \&\& moves/train \&\& !moves/'
  'test_kernels:graph/kernels/packing.c  s/(node->writes >> i \& 1) \&\& //'
  'test_kernels:graph/kernels/packing.c  s/if (!writes(node, /if (true || writes(node, /'
  'test_recorded:graph/diffusion/sampler_record.c  s/for (int i = 0; i < times; i++) record_stages/for (int i = 0; i + 1 < times; i++) record_stages/'
)

build=build-gcc part=1 parts=1 text=''
while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$2; shift ;;
    --part) part=${2%/*} parts=${2#*/}; shift ;;
    *) text=$1 ;;
  esac
  shift
done
passed=0 failed=0

report() {  # ok|FAIL text
  printf '%-4s  %s\n' "$1" "$2"
  if [ "$1" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

users_of() {  # file of shaders/: the shaders that include it, through others or by themselves; a shader is its own
  local user
  case $1 in *.comp) echo "$1"; return ;; esac
  for user in $(grep -lF "#include \"shaders/$1\"" shaders/*.* shaders/glsl/*); do
    users_of "${user#shaders/}"
  done | sort -u
}

compile_shader() {  # folder source name define...: into FOLDER/NAME.spv; what is changed stands in FOLDER/shaders
  glslc --target-env=vulkan1.2 -Werror "${@:4}" -I "$1" -I . -o "$1/$3.spv" "$2"
}

glslc_knows_matrices() {
  printf '#version 450\n#extension GL_KHR_cooperative_matrix : require\nvoid main() {}\n' |
    glslc --target-env=vulkan1.2 -fshader-stage=compute -o /dev/null - 2>/dev/null
}

shader_is_noticed() {  # folder file: exits as seeded_fault does; 3: does not compile
  local user source
  for user in $(users_of "$2"); do
    source=shaders/$user
    [ "$user" != "$2" ] || source=$1/shaders/$user
    compile_shader "$1" "$source" "${user%.comp}" || return 3
    if grep -qF shaders/glsl/vectors.glsl "$source"; then
      compile_shader "$1" "$source" "${user%.comp}_texel" -DTEXELS || return 3
    fi
    if [ "$matrices" = yes ] && grep -qF shaders/glsl/matrices.glsl "$source"; then
      compile_shader "$1" "$source" "${user%.comp}_cooperative" -DCOOPERATIVE || return 3
    fi
  done
  # Where what is included is no op's, the op that takes most of it.
  local name=${2##*/}
  name=${name%.*}
  # Mesa's driver compiles each changed kernel anew, nearly twice as fast when it does not optimise; results are the same.
  GALLIVM_PERF=nopt MESA_SHADER_CACHE_DIR=$cache timeout 900 "$build/tests/seeded_fault" "$1" \
    "${name/conv_patches/conv_transpose}"
}

code_is_noticed() {  # folder file test: the same for a C file
  local compile link status=0
  compile=$(ninja -C "$build" -t commands "tests/$3" | grep -F -- " -c $PWD/$2" | head -n 1)
  link=$(ninja -C "$build" -t commands "tests/$3" | tail -n 1)
  if [ -z "$compile" ] || [[ $link != *" -o tests/$3 "* ]]; then
    echo "$build does not build $3 with $2 by ninja"
    return 2
  fi
  compile=${compile%% -o *}" -o $1/changed.o -c $1/$2 -iquote $PWD/$(dirname "$2")"
  link=${link/" -o tests/$3 "/" -o $1/$3 $1/changed.o "}
  (cd "$build" && eval "$compile" && eval "$link") || return 3
  # Its first failure is enough: with that the pipe ends, and so does the test.
  timeout 900 "$1/$3" 2>&1 | sed '/^\[  FAILED  \]/q' | tee "$1/test.log" || status=$?
  if grep -q '^\[  FAILED  \]' "$1/test.log"; then return 0; fi
  # A test that was killed has shown nothing, and one that could not start neither.
  if [ $status = 0 ]; then return 1; elif [ $status -lt 124 ]; then return 0; else return 2; fi
}

try_fault() {  # file expression
  local test=${1%:*} file=${1#*:} path status=0 cpu TIMEFORMAT='%U %S'
  path=$file
  [ "$1" != "$file" ] || path=shaders/$file
  rm -rf "$work"
  mkdir -p "$work/$(dirname "$path")"
  if [ ! -r "$path" ]; then
    report FAIL "$1: there is no such file"
    return
  fi
  sed "$2" "$path" >"$work/$path"
  if cmp -s "$path" "$work/$path"; then
    report FAIL "$1: $2 changes nothing"
    return
  fi
  if [ "$1" = "$file" ]; then
    { time shader_is_noticed "$work" "$file" >"$work/log" 2>&1 || status=$?; } 2>"$work/time"
  else
    { time code_is_noticed "$work" "$file" "$test" >"$work/log" 2>&1 || status=$?; } 2>"$work/time"
  fi
  cpu=$(awk '{ printf "%.1f", $1 + $2 }' "$work/time")
  case $status in
    0) report ok "$1: $2 ($cpu s of CPU)" ;;
    1) report FAIL "$1: $2 goes unnoticed" ;;
    3) report FAIL "$1: $2 does not compile" ;;
    *) report FAIL "$1: $2 cannot be tried (exit status $status)" ;;
  esac
  [ $status = 0 ] || tail -n 20 "$work/log"
}

work=$PWD/build-faults/$part cache=$PWD/build-faults/cache
matrices=no
if glslc_knows_matrices; then matrices=yes; fi
for i in "${!faults[@]}"; do
  [[ ${faults[i]} == *"$text"* ]] || continue
  [ $((i % parts)) = $((part - 1)) ] || continue
  read -r file expression <<<"${faults[i]}"
  try_fault "$file" "$expression"
done
rm -rf "$work"
[ "$parts" != 1 ] || rm -rf "$cache"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
