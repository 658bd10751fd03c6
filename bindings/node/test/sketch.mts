// The interface as it was sketched, and its three stages, against the package.
import {
  createZeroCopyPipeline, ImageData as PackageImageData, SharedMemoryArena, SharedMemoryHandle, WasmEngine, WebGPUContext,
  WebNNContext, ZeroCopyImagePipeline as ImagePipeline,
} from 'tripoint';

interface PipelineStage {
  technology: 'wasm' | 'webgpu' | 'webnn';
  operation: string;
  input: SharedMemoryHandle;
  output: SharedMemoryHandle;
}

interface ZeroCopyPipeline {
  allocateShared(size: number): SharedMemoryHandle;
  freeShared(handle: SharedMemoryHandle): void;
  getWasmView(handle: SharedMemoryHandle): Uint8Array;
  getGPUView(handle: SharedMemoryHandle): GPUBuffer;
  getNPUView(handle: SharedMemoryHandle): MLTensor;
  executeZeroCopy(stages: PipelineStage[]): Promise<void>;
}

interface Context {
  executeOperation(operation: string, input: SharedMemoryHandle, output: SharedMemoryHandle): Promise<void>;
}

interface ZeroCopyImagePipeline {
  processImage(imageData: ImageData): Promise<ImageData>;
}

// The sketch gives regions no shape: allocateShared's second argument does, and that is the only difference.
const arena = createZeroCopyPipeline();
const pipeline: ZeroCopyPipeline = arena;
const shape = [480, 640, 4];
const input = arena.allocateShared(640 * 480 * 4, { shape, dataType: 'uint8' });
const work = pipeline.allocateShared(640 * 480 * 4);
const output = pipeline.allocateShared(640 * 480 * 4);
pipeline.getWasmView(input).fill(128);

const stages: PipelineStage[] = [
  { technology: 'webgpu', operation: 'resize', input: input, output: work },
  { technology: 'webnn', operation: 'segment', input: work, output: work },
  { technology: 'webgpu', operation: 'apply_mask', input: input, output: output },
];
await pipeline.executeZeroCopy(stages);
const buffer: GPUBuffer = pipeline.getGPUView(output);
const tensor: MLTensor = pipeline.getNPUView(output);
console.log(buffer.size, buffer.mapState, tensor.dataType, tensor.shape.join('x'), arena.ledger.between.bytes);
for (const handle of [input, work, output]) pipeline.freeShared(handle);

const shared: SharedMemoryArena = new SharedMemoryArena();
const contexts: Context[] = [new WasmEngine(shared), new WebGPUContext(shared), new WebNNContext(shared)];
const photo = shared.allocateShared(256 * 256 * 4, { shape: [256, 256, 4], dataType: 'uint8' });
const small = shared.allocateShared(512 * 512 * 4);
const [wasm, gpu, nn] = contexts;
await gpu!.executeOperation('resize', photo, small);
await nn!.executeOperation('segment', small, small);
await wasm!.executeOperation('vignette', photo, photo);
console.log(shared.getLayout(small).kind);

const images: ZeroCopyImagePipeline = new ImagePipeline();
const image: ImageData = new PackageImageData(64, 48);
const result: ImageData = await images.processImage(image);
console.log(result.width, result.height, result.data.length);
