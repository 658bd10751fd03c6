"""tripoint.ray: a pipeline as the actors of a Ray Data job, on a cluster of this machine."""

import os
import unittest
import warnings

import numpy as np

import tripoint
from kit import VIGNETTE

try:
    import ray
    import ray.data
except ImportError:
    ray = None
wanted = ray and os.environ.get("TRIPOINT_TEST_RAY")  # a cluster takes half a minute to come and go


@unittest.skipUnless(wanted, "skipped because a Ray cluster is started by bindings/python/optional-tests only")
class Cluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "0")
        warnings.simplefilter("ignore")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False,
                 object_store_memory=200 << 20, _system_config={"metrics_report_interval_ms": 60000})
        ray.data.DataContext.get_current().enable_progress_bars = False

    @classmethod
    def tearDownClass(cls):
        ray.shutdown()

    def setUp(self):
        dice = np.random.default_rng(5)
        self.images = [dice.integers(0, 256, (32, 48, 4), np.uint8) for _ in range(32)]
        self.expected = [tripoint.Pipeline(VIGNETTE).run(image) for image in self.images]

    def run_rows(self, images, **options):
        from tripoint.ray import map_pipeline

        rows = ray.data.from_items([{"id": i, "image": image} for i, image in enumerate(images)], override_num_blocks=8)
        return sorted(map_pipeline(rows, VIGNETTE, batch_size=4, **options).take_all(), key=lambda row: row["id"])

    def test_two_workers_give_what_one_process_gives(self):
        rows = self.run_rows(self.images, workers=2, out="darker", tell="worker")
        self.assertEqual([row["id"] for row in rows], list(range(32)))
        for row, image, expected in zip(rows, self.images, self.expected):
            np.testing.assert_array_equal(row["darker"], expected)
            np.testing.assert_array_equal(row["image"], image)
        told = [row["worker"].split("/") for row in rows]
        workers = {pid for pid, _, _ in told}
        self.assertTrue(1 <= len(workers) <= 2 and str(os.getpid()) not in workers, workers)
        self.assertEqual({between for _, between, _ in told}, {"0"})
        # One arena a worker: together their ledgers tell exactly the images that went in and came out.
        most = {pid: max(int(border) for other, _, border in told if other == pid) for pid in workers}
        self.assertEqual(sum(most.values()), 2 * 32 * self.images[0].nbytes)

    def test_sizes_may_differ(self):
        images = [np.full((8 + i, 16, 3), 200, np.uint8) for i in range(6)]
        rows = self.run_rows(images, workers=1, params={"vignette.strength": 0})
        self.assertEqual([row["image"].shape for row in rows], [(8 + i, 16, 4) for i in range(6)])
        self.assertTrue(all((row["image"][..., :3] == 200).all() for row in rows))

    def test_errors_reach_the_driver(self):
        with self.assertRaises(Exception) as caught:
            self.run_rows([np.zeros((4, 4, 2), np.uint8)], workers=1)
        self.assertIn("an image is uint8", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
