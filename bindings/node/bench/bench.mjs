// What the binding adds to the C library. C and JavaScript take turns, some calls each (the first of them warms the caches
// that the other has used): C in a process of its own that waits in between. A ratio is the median of the turns' quotients.
//   TRIPOINT_LIB_DIR=…/build/src node bench/bench.mjs [webgpu|host [TURNS]]
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createZeroCopyPipeline, ImageData, version, ZeroCopyImagePipeline } from '../lib/index.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const lib = process.env.TRIPOINT_LIB_DIR ?? `${here}../../../build/src`;
const include = process.env.TRIPOINT_INCLUDE_DIR ?? `${here}../../../include`;
const pixels = process.argv[2] ?? 'webgpu';
const turns = Number(process.argv[3] ?? 31);
const calls = 8; // a turn
const [width, height] = [1920, 1080];

const sorted = (list) => [...list].sort((a, b) => a - b);
const at = (list, share) => sorted(list)[Math.min(list.length - 1, Math.floor(list.length * share))];
const median = (list) => at(list, 0.5);
const now = () => Number(process.hrtime.bigint());

mkdirSync(`${here}../build`, { recursive: true });
execFileSync('cc', ['-O2', '-o', `${here}../build/baseline`, `${here}baseline.c`, '-I', include, '-L', lib,
  `-Wl,-rpath,${lib}`, '-ltripoint']);
const child = spawn(`${here}../build/baseline`, [pixels === 'host' ? 'cutout-host' : 'cutout'],
  { stdio: ['pipe', 'pipe', 'ignore'] });
const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
async function inC(line) {
  child.stdin.write(`${line}\n`);
  const { value, done } = await answers.next();
  if (done) throw new Error('the C side ended');
  return Number(value);
}

/** Of `count` calls, after one that warms up. */
async function medianOf(count, call) {
  const times = [];
  for (let i = -1; i < count; i++) {
    const begin = now();
    await call();
    if (i >= 0) times.push(now() - begin);
  }
  return median(times);
}

async function compare(count, c, js) {
  const taken = { c: [], js: [], ratio: [] };
  for (let i = -3; i < count; i++) { // the first turns warm up
    const [one, other] = i % 2 ? [await c(), await js()] : [await js(), await c()].reverse();
    if (i < 0) continue;
    taken.c.push(one);
    taken.js.push(other);
    taken.ratio.push(other / one);
  }
  return taken;
}

const us = (ns) => `${(ns / 1e3).toFixed(1)} µs`;
const ms = (ns) => `${(ns / 1e6).toFixed(2)} ms`;
const say = (what, { c, js, ratio }) => console.log(`  ${what}: ${ms(median(js))}, C ${ms(median(c))}, ×${median(ratio).toFixed(3)} ` +
  `(p25 ${at(ratio, 0.25).toFixed(3)}, p75 ${at(ratio, 0.75).toFixed(3)})`);

console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, Tripoint ${version}`);
const arena = createZeroCopyPipeline();
const region = arena.allocateShared(256, { shape: [8, 8, 4] });
const stages = [{ technology: 'host', operation: 'vignette', input: region, output: region }];
const big = arena.allocateShared(1 << 28);
const views = [];
for (const name of ['getWasmView', 'getGPUView', 'getNPUView'])
  views.push(`${name} ${us(await medianOf(5000, () => { arena[name](big); }))}`);
console.log(`views over 256 MiB: ${views.join(', ')} (a turn of the microtask queue included)`);

const small = await compare(21, () => inC('execute 500'), () => medianOf(500, () => arena.executeZeroCopy(stages)));
console.log(`executeZeroCopy, one stage of 8 × 8: ${us(median(small.js))}, C ${us(median(small.c))}, more by ` +
  us(median(small.js.map((js, i) => js - small.c[i]))));

console.log(`processImage ${width} × ${height}, ${pixels}, ${turns} turns of ${calls} calls:`);
const pipeline = new ZeroCopyImagePipeline({ pixels });
const photo = new ImageData(width, height);
photo.data.forEach((_, i, data) => { data[i] = (i * 31) >> 3; });
const reused = new ImageData(width, height);
say('into memory used before', await compare(turns, () => inC(`reused ${calls}`),
  () => medianOf(calls, () => pipeline.processImage(photo, { into: reused }))));
say('into new memory', await compare(turns, () => inC(`fresh ${calls}`),
  () => medianOf(calls, () => pipeline.processImage(photo))));
const [inside, into] = [pipeline.createImageData(width, height), pipeline.createImageData(width, height)];
inside.data.set(photo.data);
say('in the arena, no copy', await compare(turns, () => inC(`reused ${calls}`),
  () => medianOf(calls, () => pipeline.processImage(inside, { into }))));

arena.destroy();
pipeline.arena.destroy();
child.stdin.end();
