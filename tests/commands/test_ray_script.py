"""What starts a cluster, as ``sa2va ray script`` prints it, read by what it is for."""

import subprocess

import pytest
import yaml


def test_the_slurm_job_is_a_shell_script_that_ends_a_batch_by_its_checkpoints(sa2va):
    made = sa2va(
        "ray", "script", "--kind", "slurm", "--nodes", 3, "--gpus", 4, "--storage", "/scratch/my films"
    )
    assert made.code == 0
    done = subprocess.run(["bash", "-n"], input=made.out, text=True, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = made.out.splitlines()
    assert {"#SBATCH --nodes=3", "#SBATCH --gpus-per-node=4", "#SBATCH --signal=B:INT@300"} <= set(lines)
    assert any(line.startswith('cd "/scratch/my films"') for line in lines)


def test_without_gpus_slurm_is_asked_for_none(sa2va):
    made = sa2va("ray", "script", "--gpus", 0)
    assert "#SBATCH --gpus" not in made.out
    assert "--num-gpus=0" in made.out


def test_the_kuberay_job_has_its_workers_and_the_same_storage_everywhere(sa2va):
    options = ("--nodes", 5, "--gpus", 2, "--storage-claim", "films", "--image", "mine:1")
    job = yaml.safe_load(sa2va("ray", "script", "--kind", "kuberay", *options).out)
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    (workers,) = cluster["workerGroupSpecs"]
    assert workers["replicas"] == workers["maxReplicas"] == 5
    for group in (cluster["headGroupSpec"], workers):
        pod = group["template"]["spec"]
        (container,), (volume,) = pod["containers"], pod["volumes"]
        assert container["image"] == "mine:1"
        assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": "/shared"}]
        assert volume["persistentVolumeClaim"] == {"claimName": "films"}
    (container,) = workers["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert "--ray auto" in job["spec"]["entrypoint"]


def test_the_cluster_file_is_what_ray_up_reads(sa2va):
    made = yaml.safe_load(sa2va("ray", "script", "--kind", "cluster", "--nodes", 7, "--gpus", 8).out)
    worker = made["available_node_types"]["worker"]
    assert (worker["max_workers"], worker["resources"]["GPU"]) == (7, 8)
    assert made["head_node_type"] in made["available_node_types"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--kind", "sge"), "choose slurm, kuberay or cluster"),
        (("--storage", "films"), "the full path of a folder"),
        (("--storage", '/a"b'), "without quotes"),
        (("--image", "a\nb"), "without"),
        (("--storage-claim", 'a"'), "without"),
    ],
)
def test_what_would_break_a_script_is_refused(sa2va, options, told):
    made = sa2va("ray", "script", *options)
    assert (made.code, made.out, told in made.err) == (2, "", True)
