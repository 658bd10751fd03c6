import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { createZeroCopyPipeline, GPUMapMode, WebGPUContext, WebNNContext } from 'tripoint';
import { image, rejectsCode, root, turnsOfTheLoop, wants } from './kit.mjs';

const host = (operation, input, output, more = {}) => ({ technology: 'host', operation, input, output, ...more });

test('the three stages run, in place where they should, and copy nothing', async (t) => {
  if (!(await wants(t, 'webgpu', 'webnn'))) return;
  const arena = createZeroCopyPipeline();
  const input = image(arena, 480, 640);
  const work = arena.allocateShared(512 * 512 * 4);
  const output = arena.allocateShared(640 * 480 * 4);
  await arena.executeZeroCopy([
    { technology: 'webgpu', operation: 'resize', input, output: work, params: { width: 512, height: 512 } },
    { technology: 'webnn', operation: 'segment', input: work, output: work },
    { technology: 'webgpu', operation: 'apply_mask', input, output },
  ]);
  assert.deepEqual(arena.getLayout(work), { shape: [256, 256, 1], dataType: 'float32', kind: 'mask' });
  assert.deepEqual([...arena.getWasmView(output).subarray(0, 3)], [128, 128, 128]);
  assert.deepEqual(arena.ledger, { border: { bytes: 0, copies: 0 }, between: { bytes: 0, copies: 0 }, lines: [] });
  arena.destroy();
});

test('work on disjoint regions overlaps, and the event loop goes on', async () => {
  const arena = createZeroCopyPipeline();
  const [a, b, small, other] = [image(arena, 64, 64), image(arena, 64, 64), image(arena, 8, 8), image(arena, 8, 8)];
  const held = arena.getGPUView(a);
  const params = { width: 8, height: 8 };
  await held.mapAsync(GPUMapMode.WRITE);
  let ended = false;
  const first = arena.executeZeroCopy([host('resize', a, small, { params })]).then(() => { ended = true; });
  await arena.executeZeroCopy([host('resize', b, other, { params })]); // begun later, ends while the first is in flight
  assert.equal(ended, false);
  held.unmap();
  await first;
  assert.ok(arena.stats.runningMost >= 2, `${arena.stats.runningMost} at once`);
  arena.destroy();
});

test('brief calls in a row leave the event loop its turns', async () => {
  const arena = createZeroCopyPipeline();
  const region = image(arena, 8, 8);
  const stop = turnsOfTheLoop();
  for (let i = 0; i < 2000; i++) await arena.executeZeroCopy([host('vignette', region, region)]);
  const turns = stop();
  assert.ok(turns >= 10, `${turns} turns`);
  arena.destroy();
});

test('many that wait keep nobody else from working', async () => {
  const arena = createZeroCopyPipeline();
  const [busy, free, out] = [image(arena, 8, 8), image(arena, 8, 8), image(arena, 4, 4)];
  const holder = arena.getGPUView(busy);
  await holder.mapAsync(GPUMapMode.WRITE);
  const params = { width: 4, height: 4 };
  const targets = Array.from({ length: 12 }, () => image(arena, 4, 4));
  const waiting = targets.map((target) => arena.executeZeroCopy([host('resize', busy, target, { params })]));
  await arena.executeZeroCopy([host('resize', free, out, { params })]);
  holder.unmap();
  await Promise.all(waiting);
  arena.destroy();
});

test('a thread that still looks for work is given one job, not two', async () => {
  const arena = createZeroCopyPipeline();
  const [held, free] = [image(arena, 4, 4), image(arena, 4, 4)];
  const view = arena.getGPUView(held);
  const short = () => arena.executeZeroCopy([host('vignette', free, free)]);
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 3; i++) await short(); // after these a thread looks for the next
    await view.mapAsync(GPUMapMode.WRITE);
    await short();
    let ended = false;
    const waits = arena.executeZeroCopy([host('vignette', held, held)]).then(() => { ended = true; });
    await Promise.all([short(), short()]);
    assert.equal(ended, false);
    view.unmap();
    await waits;
  }
  arena.destroy();
});

test('a shader of one\'s own, with a vector for a parameter', async (t) => {
  if (!(await wants(t, 'webgpu'))) return;
  const arena = createZeroCopyPipeline();
  const [input, output] = [image(arena, 8, 8), image(arena, 8, 8)];
  mkdirSync(`${root}/build`, { recursive: true });
  writeFileSync(`${root}/build/mix.wgsl`, `
    struct Params { colour: vec4f, share: f32, width: u32, height: u32 }
    @group(0) @binding(0) var<storage, read> image: array<u32>;
    @group(0) @binding(1) var<storage, read_write> mixed: array<u32>;
    @group(0) @binding(2) var<uniform> params: Params;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) at: vec3u) {
      if (at.x >= params.width || at.y >= params.height) { return; }
      let i = at.y * params.width + at.x;
      mixed[i] = pack4x8unorm(mix(unpack4x8unorm(image[i]), params.colour, params.share));
    }`);
  const params = { colour: [1, 0.5, 0, 1], share: 1 };
  await arena.executeZeroCopy([{ technology: 'webgpu', operation: `${root}/build/mix.wgsl`, input, output, params }]);
  assert.deepEqual([...arena.getWasmView(output).subarray(252)], [255, 128, 0, 255]);
  arena.destroy();
});

test('a plan runs many times', async () => {
  const arena = createZeroCopyPipeline();
  const [input, output] = [image(arena, 8, 8, 10), image(arena, 4, 4, 0)];
  const plan = await arena.prepare([host('resize', input, output, { params: { width: 4, height: 4 } })]);
  await plan.run();
  assert.equal(arena.getWasmView(output)[0], 10);
  arena.getWasmView(input).fill(20);
  await plan.run();
  assert.equal(arena.getWasmView(output)[0], 20);
  const held = arena.getGPUView(output);
  await held.mapAsync(GPUMapMode.WRITE);
  const running = plan.run(); // a brief run that waits for nobody may be over when the call returns
  await rejectsCode(plan.run(), 'BUSY');
  held.unmap();
  await running;
  arena.destroy();
});

test('errors name code, stage and region', async () => {
  const arena = createZeroCopyPipeline();
  const flat = arena.allocateShared(256);
  const out = arena.allocateShared(256);
  await assert.rejects(arena.executeZeroCopy([host('resize', flat, out, { name: 'shrink' })]), (error) => {
    assert.equal(error.name, 'TripointError');
    assert.equal(error.code, 'BAD_PIPELINE');
    assert.equal(error.stage, 'shrink');
    assert.match(error.message, /image/);
    return true;
  });
  const [photo, tiny] = [image(arena, 8, 8), arena.allocateShared(16, { shape: [16], label: 'tiny' })];
  await assert.rejects(arena.executeZeroCopy([host('vignette', photo, tiny)]),
    { code: 'BAD_PIPELINE', stage: 'vignette', region: 'tiny' });
  await arena.getGPUView(out).mapAsync(GPUMapMode.WRITE);
  await assert.rejects(arena.executeZeroCopy([host('vignette', photo, out)], { timeout: 1 }),
    { code: 'TIMEOUT', stage: 'vignette', region: 'region 1' });
  arena.getGPUView(out).unmap();
  await rejectsCode(arena.executeZeroCopy([host('no_such', flat, out)]), 'NOT_FOUND');
  await rejectsCode(arena.executeZeroCopy([]), 'INVALID_ARGUMENT');
  arena.destroy();
});

test('apply_mask without a mask says how to give one', async (t) => {
  if (!(await wants(t, 'webgpu'))) return;
  const gpu = new WebGPUContext();
  const [input, output] = [image(gpu.arena, 8, 8), image(gpu.arena, 8, 8)];
  await assert.rejects(gpu.executeOperation('apply_mask', input, output), /mask/);
  const mask = gpu.arena.allocateShared(8 * 8 * 4, { shape: [8, 8, 1], dataType: 'float32' });
  gpu.arena.getNPUView(mask).data.fill(1);
  await gpu.executeOperation('apply_mask', input, output, { inputs: [mask] });
  assert.equal(gpu.arena.getWasmView(output)[3], 128);
  assert.ok(gpu.operations.some((operation) => operation.name === 'resize'));
  gpu.arena.destroy();
});

test('WebNN works in place by itself', async (t) => {
  if (!(await wants(t, 'webnn'))) return;
  const nn = new WebNNContext();
  const work = image(nn.arena, 256, 256);
  await nn.executeOperation('segment', work, work);
  assert.equal(nn.arena.getLayout(work).kind, 'mask');
  nn.arena.destroy();
});

test('an AbortSignal ends a wait', async () => {
  const arena = createZeroCopyPipeline();
  const [input, output] = [image(arena, 8, 8), image(arena, 8, 8)];
  const holder = arena.getGPUView(input);
  await holder.mapAsync(GPUMapMode.WRITE);
  const control = new AbortController();
  const waiting = arena.executeZeroCopy([host('vignette', input, output)], { signal: control.signal });
  control.abort();
  await rejectsCode(waiting, 'CANCELLED');
  await rejectsCode(arena.executeZeroCopy([host('vignette', input, output)], { signal: AbortSignal.abort() }), 'CANCELLED');
  holder.unmap();
  await arena.executeZeroCopy([host('vignette', input, output)], { signal: new AbortController().signal });
  arena.destroy();
});

test('freeing and destroying under work that is in flight is safe', async () => {
  const arena = createZeroCopyPipeline();
  const runs = [];
  for (let i = 0; i < 20; i++) {
    const [input, output] = [image(arena, 256, 256), image(arena, 256, 256)];
    runs.push(arena.executeZeroCopy([host('vignette', input, output)]));
    arena.freeShared(input);
    if (i % 2) arena.freeShared(output);
  }
  arena.destroy();
  for (const { status, reason } of await Promise.allSettled(runs))
    assert.ok(status === 'fulfilled' || reason.code === 'BAD_HANDLE', reason?.message);
});
