#!/usr/bin/env bash
# A batch on @nodes@ nodes: sbatch THIS_FILE. The same command again goes on where it was ended.
#SBATCH --job-name=sa2va
#SBATCH --nodes=@nodes@
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=@cpus@
@slurm_gpus@
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --signal=B:INT@300
#SBATCH --output=sa2va-%j.log
set -euo pipefail

cd "@storage@"                    # all nodes see it under this name
port=6379
export RAY_USAGE_STATS_ENABLED=0
export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-@cpus@}"
mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head_address=$(srun --nodes=1 --ntasks=1 --nodelist="${hosts[0]}" hostname --ip-address | awk '{print $1}')

# The step ends with the job, and so does every Ray process of it.
srun --nodes=1 --ntasks=1 --nodelist="${hosts[0]}" --overlap \
    ray start --head --node-ip-address="$head_address" --port="$port" \
    --num-cpus=@cpus@ --num-gpus=@gpus@ --disable-usage-stats --block &
for _ in $(seq 60); do
    if (exec 3<>"/dev/tcp/$head_address/$port") 2>/dev/null; then break; fi
    sleep 2
done
if (( ${#hosts[@]} > 1 )); then
    others=$(IFS=,; echo "${hosts[*]:1}")
    srun --nodes=$(( ${#hosts[@]} - 1 )) --ntasks=$(( ${#hosts[@]} - 1 )) --nodelist="$others" --overlap \
        ray start --address="$head_address:$port" --num-cpus=@cpus@ --num-gpus=@gpus@ --block &
fi
# Workers are counted when the batch begins: all nodes are waited for.
python - "$head_address:$port" "${#hosts[@]}" <<'PYTHON'
import sys, time
import ray
ray.init(sys.argv[1], log_to_driver=False)
until = time.monotonic() + 300
while sum(node["Alive"] for node in ray.nodes()) < int(sys.argv[2]) and time.monotonic() < until:
    time.sleep(2)
PYTHON

# What is to be done: change this. Slurm's signal, 5 minutes before the end, ends it after checkpoints.
sa2va batch footage/ --prompt "the dancer" --save mask -o masks/ --quiet --ray "$head_address:$port" &
batch=$!
trap 'kill -INT "$batch"' INT TERM
code=0
wait "$batch" || code=$?
while kill -0 "$batch" 2>/dev/null; do code=0; wait "$batch" || code=$?; done
if [ "$code" -eq 130 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit "$code"
