// schedule.glsl: keeps a CPU driver's compiler from moving arithmetic across a point. In one long block of straight-line
// code LLVM finishes one accumulator after the other: every operand comes from memory, and every addition waits for the
// one before. A vote is a loop in llvmpipe, and nothing moves across that. The condition never holds (no batch is empty),
// which the compiler cannot know; `value` is any number that would be lost.
// Worth it: llvmpipe (Mesa 22.3), conv_texel.comp, 64 → 64 channels at 16×16: 28 GFLOP a CPU second without, 41 with.
#extension GL_KHR_shader_subgroup_vote : require

#define SCHEDULE_BARRIER(value) if (subgroupAny(p.batch == 0u)) value = 0.0;
