import assert from 'node:assert/strict';
import test from 'node:test';
import { ImageData, ZeroCopyImagePipeline } from 'tripoint';
import { rejectsCode, throwsCode, turnsOfTheLoop, wants } from './kit.mjs';

const grey = (width, height) => new ImageData(new Uint8ClampedArray(width * height * 4).fill(100), width, height);

for (const pixels of ['webgpu', 'host'])
  test(`processImage with ${pixels}: two copies, in and out`, async (t) => {
    if (!(await wants(t, pixels, 'webnn'))) return;
    const pipeline = new ZeroCopyImagePipeline({ pixels });
    const image = grey(320, 200);
    const result = await pipeline.processImage(image);
    assert.ok(result instanceof ImageData);
    assert.deepEqual([result.width, result.height, result.data.length], [320, 200, 256000]);
    assert.deepEqual([...result.data.subarray(0, 3)], [100, 100, 100]);
    assert.notEqual(result.data.buffer, image.data.buffer);
    const { border, between, lines } = pipeline.ledger;
    assert.deepEqual([border, between.bytes], [{ bytes: 512000, copies: 2 }, 0]);
    assert.deepEqual(lines.map((line) => line.cause), ['pixels in', 'pixels out']);
    const into = grey(320, 200);
    assert.equal(await pipeline.processImage(image, { into }), into);
    assert.deepEqual(into.data, result.data);
    assert.equal(pipeline.ledger.border.copies, 4);
    await rejectsCode(pipeline.processImage(image, { into: grey(200, 320) }), 'INVALID_ARGUMENT');
    pipeline.arena.destroy();
  });

test('an image in the arena is not copied at all', async (t) => {
  if (!(await wants(t, 'webnn'))) return;
  const pipeline = new ZeroCopyImagePipeline({ pixels: 'host' });
  const image = pipeline.createImageData(64, 48);
  image.data.fill(50);
  const result = await pipeline.processImage(image);
  assert.deepEqual([...result.data.subarray(0, 3)], [50, 50, 50]);
  const into = pipeline.createImageData(64, 48);
  for (let i = 0; i < 3; i++) assert.equal(await pipeline.processImage(image, { into }), into);
  assert.deepEqual([...into.data], [...result.data]);
  assert.equal(pipeline.ledger.border.copies + pipeline.ledger.between.copies, 0);
  await rejectsCode(pipeline.processImage(image, { into: image }), 'INVALID_ARGUMENT');
  pipeline.arena.destroy();
});

test('several at once give what each of them gives alone', async (t) => {
  if (!(await wants(t, 'webnn'))) return;
  const pipeline = new ZeroCopyImagePipeline({ pixels: 'host' });
  const sizes = [[64, 48], [64, 48], [32, 32], [64, 48]];
  const results = await Promise.all(sizes.map(([width, height]) => pipeline.processImage(grey(width, height))));
  results.forEach((result, i) => assert.deepEqual([result.width, result.height], sizes[i]));
  assert.deepEqual(results[0].data, results[3].data);
  pipeline.destroy();
  assert.equal(pipeline.ledger.border.copies, 8);
});

test('pixels that go while they are copied are an error; small ones are copied before the call returns', async (t) => {
  if (!(await wants(t, 'webnn'))) return;
  const pipeline = new ZeroCopyImagePipeline({ pixels: 'host' });
  const image = grey(64, 48);
  const pending = pipeline.processImage(image);
  structuredClone(image.data.buffer, { transfer: [image.data.buffer] });
  assert.deepEqual([...(await pending).data.subarray(0, 3)], [100, 100, 100]);
  await rejectsCode(pipeline.processImage(image), 'INVALID_ARGUMENT');
  const large = grey(1024, 1024); // two pieces
  const halfway = pipeline.processImage(large);
  structuredClone(large.data.buffer, { transfer: [large.data.buffer] });
  await rejectsCode(halfway, 'INVALID_ARGUMENT');
  pipeline.arena.destroy();
});

test('memory that was handed over, and shared memory, is copied beside the event loop', async (t) => {
  if (!(await wants(t, 'webnn'))) return;
  const pipeline = new ZeroCopyImagePipeline({ pixels: 'host' });
  const image = grey(640, 480);
  const expected = (await pipeline.processImage(image)).data;
  const shared = (fill) => ({ data: new Uint8ClampedArray(new SharedArrayBuffer(640 * 480 * 4)).fill(fill), width: 640, height: 480 });
  const into = shared(0);
  assert.equal(await pipeline.processImage(shared(100), { into }), into);
  assert.deepEqual([...into.data.subarray(0, 1000)], [...expected.subarray(0, 1000)]);
  assert.deepEqual((await pipeline.processImage(image, { transfer: true })).data, expected);
  assert.equal(image.data.length, 0);
  assert.deepEqual(pipeline.ledger.lines.map((line) => line.cause), ['pixels in', 'pixels out']);
  await rejectsCode(pipeline.processImage({ data: Buffer.from('pooled'.repeat(4)), width: 3, height: 2 }, { transfer: true }),
    'INVALID_ARGUMENT');
  const memory = new WebAssembly.Memory({ initial: 1 }).buffer;
  await rejectsCode(pipeline.processImage({ data: new Uint8Array(memory), width: 128, height: 128 }, { transfer: true }),
    'INVALID_ARGUMENT');
  await rejectsCode(pipeline.processImage(grey(2, 2), { transfer: 1 }), 'INVALID_ARGUMENT');
  pipeline.arena.destroy();
});

test('the event loop has its turns while a large image is copied', async (t) => {
  if (!(await wants(t, 'webnn'))) return;
  const pipeline = new ZeroCopyImagePipeline({ pixels: 'host' });
  const image = grey(4096, 2048); // 32 MiB, in pieces of 2
  await pipeline.processImage(image);
  const stop = turnsOfTheLoop();
  const into = grey(4096, 2048);
  await pipeline.processImage(image, { into });
  const turns = stop();
  assert.ok(turns >= 30, `${turns} turns`); // 15 between the pieces that go in, 15 between those that come out
  pipeline.arena.destroy();
});

test('an AbortSignal ends a copy', async (t) => {
  if (!(await wants(t, 'webnn'))) return;
  const pipeline = new ZeroCopyImagePipeline({ pixels: 'host' });
  const control = new AbortController();
  const pending = pipeline.processImage(grey(2048, 1024), { signal: control.signal });
  control.abort(new Error('enough'));
  await rejectsCode(pending, 'CANCELLED');
  assert.equal(pipeline.arena.stats.regions, 0);
  pipeline.arena.destroy();
});

test('what is no image is refused', async () => {
  const pipeline = new ZeroCopyImagePipeline({ pixels: 'host' });
  const data = new Uint8ClampedArray(16);
  for (const wrong of [undefined, null, 3, {}, { data, width: 3, height: 2 }, { data, width: 0, height: 1 },
    { data: [1, 2, 3, 4], width: 1, height: 1 }, { data, width: NaN, height: 1 }, { data, width: 2 ** 31, height: 2 ** 31 }])
    await rejectsCode(pipeline.processImage(wrong), 'INVALID_ARGUMENT');
  throwsCode(() => new ImageData(0, 1), 'INVALID_ARGUMENT');
  throwsCode(() => new ImageData(data, 3), 'INVALID_ARGUMENT');
  assert.equal(new ImageData(data, 2).height, 2);
});
