"""Regions: arrays over pages, claims, lifetimes, exports."""

import gc
import io
import pickle
import sys
import threading
import unittest
import warnings

import numpy as np

import tripoint
from kit import Case

try:
    import torch
except ImportError:
    torch = None


class Views(Case):
    def setUp(self):
        self.arena = tripoint.Arena()

    def test_with_blocks_are_claims_over_the_same_pages(self):
        region = self.region(self.arena, (4, 5), "float32")
        self.assertEqual(region.state, "IDLE")
        with region.write() as a:
            self.assertEqual(region.state, "HOST_WRITING")
            self.assertEqual((a.shape, a.dtype, a.flags.writeable), ((4, 5), np.float32, True))
            self.assertFalse(a.any())
            a[2, 3] = 7
        with region.read() as b:
            self.assertEqual(region.state, "HOST_READING")
            self.assertEqual(b[2, 3], 7)
            self.assertFalse(b.flags.writeable)
            with self.assertRaises(ValueError):
                b[0, 0] = 1
            with self.assertRaises(ValueError):
                b.flags.writeable = True
        self.assertEqual(a.ctypes.data, b.ctypes.data)
        self.assertEqual(region.state, "IDLE")
        self.assertEqual(self.arena.ledger.border_bytes + self.arena.ledger.between_bytes, 0)

    def test_every_element_type(self):
        for name in ("uint8", "int8", "uint16", "int16", "float16", "uint32", "int32", "float32", "uint64", "int64",
                     "float64"):
            region = self.region(self.arena, (3, 2), name)
            with region.write() as a:
                self.assertEqual((a.dtype, a.strides), (np.dtype(name), (2 * a.itemsize, a.itemsize)))
                self.assertEqual((region.dtype, region.nbytes), (name, a.nbytes))
            adopted = np.from_dlpack(region)
            self.assertEqual((adopted.dtype, adopted.ctypes.data), (a.dtype, a.ctypes.data))
        self.assertEqual(self.region(self.arena, 3, np.float32).dtype, "float32")
        self.assertEqual(self.region(self.arena, 3, np.dtype("i4")).dtype, "int32")
        for wrong in ("u8", "bool", "complex64", "", np.dtype(">f4"), np.complex128, bool):
            with self.subTest(wrong), self.assertRaises(ValueError):
                self.arena.allocate(3, wrong)

    def test_a_second_writer_waits_and_gives_up(self):
        region = self.region(self.arena)
        with region.read(), region.read():
            with self.assertRaises(tripoint.TripointError) as caught, region.write(timeout=0.01):
                pass
        self.assertIn(caught.exception.status_name, ("TIMEOUT", "WOULD_DEADLOCK"))
        with region.write(timeout=0):
            pass

    def test_a_writer_that_waits_enters_when_the_reader_leaves(self):
        region = self.region(self.arena)
        entered = threading.Event()

        def write():
            with region.write() as a:
                a[...] = 9
                entered.set()

        with region.read():
            thread = threading.Thread(target=write)
            thread.start()
            self.assertFalse(entered.is_set())
        thread.join()
        self.assertTrue(entered.is_set())

    def test_poison(self):
        region = self.region(self.arena)
        self.assertIsNone(region.poison)
        region.reset()
        with region.write(), self.assertRaises(tripoint.BusyError):
            region.reset()

    def test_an_exception_in_the_block_gives_the_claim_back(self):
        region = self.region(self.arena)
        with self.assertRaises(KeyError), region.write():
            raise KeyError
        self.assertEqual(region.state, "IDLE")

    def test_a_borrow_is_entered_once_and_can_be_reused(self):
        borrow = self.region(self.arena).read()
        with borrow:
            with self.assertRaises(tripoint.BadClaimError):
                borrow.__enter__()
        with borrow:
            pass
        with self.assertRaises(tripoint.BadClaimError):
            borrow.__exit__(None, None, None)
        with self.assertRaises(tripoint.BadClaimError):
            memoryview(borrow)
        with self.assertRaises(tripoint.BadClaimError):
            borrow.__dlpack__()


class Lifetimes(Case):
    def setUp(self):
        self.arena = tripoint.Arena()

    def test_arrays_keep_freed_pages(self):
        region = self.arena.allocate((64, 64, 4))
        with region.write() as a:
            a[...] = 3
        with self.assertRaises(tripoint.BadHandleError):
            region.free()
            region.free()
        self.assertTrue(region.freed)
        others = [self.region(self.arena, (64, 64, 4)) for _ in range(8)]
        for other in others:
            with other.write() as b:
                b[...] = 4
        self.assertTrue((a == 3).all())
        stats = self.arena.stats
        self.assertEqual((stats["regions"], stats["doomed"]), (8, 1))
        del a
        self.assertEqual(self.arena.stats["doomed"], 0)

    def test_a_freed_region_answers_with_errors(self):
        region = self.arena.allocate(8)
        region.free()
        for call in (region.read, region.write, region.free, lambda: region.shape, lambda: memoryview(region),
                     lambda: np.asarray(region), lambda: np.from_dlpack(region), lambda: region.nbytes,
                     lambda: tripoint.execute([{"technology": "host", "operation": "vignette", "input": region}])):
            with self.assertRaises(tripoint.BadHandleError):
                call()
        self.assertIn("freed", repr(region))

    def test_freed_within_its_block(self):
        region = self.arena.allocate((8, 8, 4))
        with region.write() as a:
            region.free()
            a[...] = 1
        del a
        self.assertEqual((self.arena.stats["regions"], self.arena.stats["doomed"]), (0, 0))

    def test_arrays_outlive_region_and_arena(self):
        arena = tripoint.Arena(capacity=1 << 20)
        region = arena.allocate(4096)
        with region.write() as a:
            a[...] = 5
        adopted = np.from_dlpack(region)
        region.free()
        del arena, region
        gc.collect()
        self.assertEqual(int(a.sum()) + int(adopted.sum()), 2 * 5 * 4096)

    def test_forgotten_regions_are_freed_and_say_so(self):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            self.arena.allocate(8, label="lost")
        self.assertEqual([w.category for w in told], [ResourceWarning])
        self.assertIn("'lost'", str(told[0].message))
        self.assertEqual(self.arena.stats["regions"], 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            borrow = self.arena.allocate(8).write()
            borrow.__enter__()
            del borrow
        self.assertEqual((self.arena.stats["regions"], self.arena.stats["doomed"]), (0, 0))

    def test_nothing_leaks(self):
        def once():
            region = self.arena.allocate((16, 16, 4))
            with region.write() as a, self.assertRaises(BufferError):
                a[...] = 1
                region.__dlpack__(copy=True)
            with region.read() as b:
                memoryview(b), np.from_dlpack(region), region.__dlpack__(), np.asarray(region)
            with self.assertRaises(TypeError):
                tripoint.execute([{"technology": "host", "operation": "vignette", "input": 3, "params": {"a": 1}}])
            region.free()

        once()
        gc.collect()
        before, regions = sys.getrefcount(self.arena), self.arena.stats
        blocks = sys.getallocatedblocks()
        for _ in range(2000):
            once()
        gc.collect()
        self.assertEqual(sys.getrefcount(self.arena), before)
        self.assertEqual(self.arena.stats, regions)
        self.assertLess(sys.getallocatedblocks() - blocks, 1000)


class Exports(Case):
    def setUp(self):
        self.arena = tripoint.Arena()
        self.one = self.region(self.arena, (6, 7, 3), "uint8")

    def test_buffer_and_dlpack_have_one_address(self):
        with self.one.write() as a:
            address = a.ctypes.data
            self.assertEqual(address % 4096, 0)
            for b in (np.asarray(self.one), np.from_dlpack(self.one), np.frombuffer(self.one, np.uint8),
                      np.asarray(memoryview(self.one))):
                self.assertEqual(b.ctypes.data, address)
                self.assertTrue(np.shares_memory(a, b))
            b[...] = 1
            self.assertTrue(a.all())
        self.assertEqual(self.one.__dlpack_device__(), (1, 0))
        self.assertEqual(np.asarray(self.one, dtype="float64").dtype, np.float64)
        with memoryview(self.one) as view:
            self.assertEqual((view.shape, view.strides), ((6, 7, 3), (21, 3, 1)))
            self.assertEqual((view.format, view.readonly), ("B", False))

    def test_read_borrows_are_exported_read_only(self):
        borrow = self.one.read()
        with borrow:
            adopted = np.from_dlpack(borrow)
            self.assertFalse(adopted.flags.writeable)
            self.assertTrue(memoryview(borrow).readonly)
            with self.assertRaises(BufferError):
                borrow.__dlpack__()  # a consumer from before DLPack 1.0 could write
            with self.assertRaises(TypeError):
                io.BytesIO(b"1234").readinto(borrow)

    def test_capsules_nobody_adopts(self):
        for version in (None, (0, 8), (1, 0), (2, 5)):
            capsule = self.one.__dlpack__(max_version=version)
            self.assertIn("versioned" if version and version[0] else "dltensor", repr(capsule))
            del capsule
        self.one.free()
        self.assertEqual(self.arena.stats["doomed"], 0)

    def test_consumers_from_before_dlpack_1(self):
        region = self.one

        class Old:
            def __dlpack__(self, stream=None):
                return region.__dlpack__(stream=stream)

            def __dlpack_device__(self):
                return region.__dlpack_device__()

        adopted = np.from_dlpack(Old())
        self.assertEqual((adopted.shape, adopted.ctypes.data), ((6, 7, 3), np.asarray(region).ctypes.data))
        region.free()
        self.assertEqual(self.arena.stats["doomed"], 1)
        del adopted
        self.assertEqual(self.arena.stats["doomed"], 0)

    def test_wishes_that_cannot_be_met(self):
        for wish in ({"copy": True}, {"dl_device": (2, 0)}):
            with self.assertRaises(BufferError):
                self.one.__dlpack__(**wish)
        for wish in ({"max_version": 1}, {"max_version": ("a", 0)}, {"dl_device": "cpu"}, {"device": 1}):
            with self.assertRaises(TypeError):
                self.one.__dlpack__(**wish)

    def test_the_last_tensor_frees(self):
        adopted = np.from_dlpack(self.one)
        self.one.free()
        self.assertEqual(self.arena.stats["doomed"], 1)
        thread = threading.Thread(target=adopted.__class__.sum, args=(adopted,))
        thread.start()
        thread.join()
        del adopted, thread
        self.assertEqual(self.arena.stats["doomed"], 0)

    @unittest.skipUnless(torch, "skipped because PyTorch is not installed (bindings/python/optional-tests installs it)")
    def test_torch_adopts_without_a_copy(self):
        with self.one.write() as a:
            tensor = torch.from_dlpack(self.one)
            self.assertEqual((tensor.data_ptr(), tuple(tensor.shape)), (a.ctypes.data, (6, 7, 3)))
            tensor.fill_(9)
            self.assertTrue((a == 9).all())
            del a
        self.one.free()
        self.assertEqual(self.arena.stats["doomed"], 1)
        del tensor
        self.assertEqual(self.arena.stats["doomed"], 0)
        for name in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8"):
            region = self.region(self.arena, (3, 5), name)
            adopted = torch.from_dlpack(region)
            self.assertEqual((adopted.data_ptr(), str(adopted.dtype)),
                             (np.from_dlpack(region).ctypes.data, f"torch.{name}"))

    @unittest.skipUnless(torch, "skipped because PyTorch is not installed (bindings/python/optional-tests installs it)")
    def test_torch_s_tensors_are_taken(self):
        tensor = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
        for given in (tensor, tensor.transpose(0, 2)):
            region = tripoint.from_dlpack(given, self.arena)
            np.testing.assert_array_equal(np.asarray(region), given.numpy())
            region.free()
        image = torch.full((4, 6, 4), 7, dtype=torch.uint8)
        pipe = self.pipeline(self.arena, {"vignette.strength": 0})
        np.testing.assert_array_equal(pipe.run(image), image.numpy())

    def test_foreign_memory_is_copied_once_and_told(self):
        numbers = np.arange(24, dtype=np.float32).reshape(2, 3, 4)

        class OnlyDlpack:
            def __dlpack__(self, **wishes):
                return numbers.__dlpack__(**wishes)

            def __dlpack_device__(self):
                return numbers.__dlpack_device__()

        for given in (numbers, OnlyDlpack(), memoryview(numbers), self.one):
            region = tripoint.from_dlpack(given, self.arena, label="taken")
            expected = np.asarray(given) if given is self.one else numbers
            np.testing.assert_array_equal(np.asarray(region), expected)
            self.assertEqual((region.dtype, region.label), (expected.dtype.name, "taken"))
            region.free()
        ledger = self.arena.ledger
        self.assertEqual((ledger.between_bytes, ledger.border_bytes), (0, 3 * numbers.nbytes + self.one.nbytes))
        region = tripoint.from_dlpack(numbers[:, ::2], self.arena, kind="tensor")
        np.testing.assert_array_equal(np.asarray(region), numbers[:, ::2])
        region.free()
        self.assertIn("repacked in Python", [line.cause for line in self.arena.ledger.lines])
        for wrong in (None, 3, "text", object(), [1, 2]):
            with self.assertRaises(TypeError):
                tripoint.from_dlpack(wrong, self.arena)
        with self.assertRaises((ValueError, tripoint.TripointError)):
            tripoint.from_dlpack(np.zeros(3, np.complex64), self.arena)


class Native(Case):
    """What the technologies call a region."""

    def setUp(self):
        self.arena = tripoint.Arena(threads=1)
        self.image = self.region(self.arena, (64, 64, 4))

    def test_each_technology_sees_the_same_bytes(self):
        flat = np.asarray(self.image).reshape(-1)
        absent = []
        for technology in ("host", "wasm", "webgpu", "webnn"):
            with self.subTest(technology):
                try:
                    info = self.arena.engine(technology)
                except tripoint.EngineUnavailableError as error:
                    absent.append(str(error))
                    continue
                self.assertEqual((info["technology"], info["shares_memory"]), (technology, True))
                flat[4097] = 200
                self.assertEqual(self.image.peek(technology, 4097), 200)
                self.image.poke(technology, 4098, 201)
                self.assertEqual(flat[4098], 201)
        self.assertEqual(self.arena.ledger.between_bytes, 0)
        if absent:
            self.skipTest("; ".join(absent))

    def test_native_views(self):
        for technology, view in (("wasm", self.image.wasm_view), ("webgpu", self.image.gpu_view),
                                 ("webnn", self.image.npu_view)):
            with self.subTest(technology):
                try:
                    self.arena.engine(technology)
                except tripoint.EngineUnavailableError as error:
                    self.skipTest(str(error))
                self.assertGreater(view(), 0)
                self.assertEqual(view(), view())
        self.image.free()
        for view in (self.image.wasm_view, self.image.gpu_view, self.image.npu_view):
            self.assertRaises(tripoint.BadHandleError, view)

    def test_misuse(self):
        for wrong in ("cuda", "", None, 3, "\ud800"):
            with self.assertRaises((ValueError, TypeError)):
                self.arena.engine(wrong)
            with self.assertRaises((ValueError, TypeError)):
                self.image.peek(wrong, 0)
        for offset in (-1, 64 * 64 * 4, 1 << 62):
            with self.assertRaises(tripoint.TripointError):
                self.image.peek("host", offset)
        for value in (-1, 256, "a", None):
            with self.assertRaises((OverflowError, TypeError)):
                self.image.poke("host", 0, value)
        for wrong in ({"threads": -1}, {"threads": 5000}, {"threads": "all"}):
            with self.assertRaises((ValueError, TypeError)):
                tripoint.Arena(**wrong)

    def test_a_region_can_not_be_pickled(self):
        for thing in (self.image, self.arena, self.image.read()):
            with self.assertRaises(TypeError):
                pickle.dumps(thing)


if __name__ == "__main__":
    unittest.main()
