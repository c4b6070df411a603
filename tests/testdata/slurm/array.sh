#!/bin/bash
#SBATCH --job-name=strata
#SBATCH --output=/dev/null
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=2
#SBATCH "--comment=two words"
#SBATCH --array=0-2

# Each task of an array trains a branch of its own.
branches=(
/data/a
'/data/b c'
'/data/it'\''s'
)
branch=${branches[${SLURM_ARRAY_TASK_ID:-0}]:?no branch has this number}
job=${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}
exec >>"$branch/jobs/$job.log" 2>&1
echo "== job $job on ${SLURM_JOB_NODELIST:-$(hostname)}, start $((${SLURM_RESTART_COUNT:-0} + 1))"

# USR1 comes a minute or more before the time limit, and before a preemption where Slurm is set so; TERM with a cancel.
# strata answers either by a checkpoint and exit code 75, within 25 seconds.
stopping=no strata=
pass_on() {
  stopping=yes interrupted=yes
  [ -z "$strata" ] || kill -USR1 "$strata" 2>/dev/null
}
trap pass_on USR1 TERM

checkpoints() { cat "$branch"/runs/*/journal.jsonl 2>/dev/null | grep -c '"kind":"checkpoint"'; }
before=$(checkpoints)

'/opt/my strata/bin/strata' train -C "$branch" --workers "${SLURM_NTASKS:-1}"  &
strata=$!
[ "$stopping" = no ] || kill -USR1 "$strata"
interrupted=yes
while [ "$interrupted" = yes ]; do # a signal interrupts wait
  interrupted=no
  wait "$strata"
  code=$?
done
# A signal that came before strata could answer it changed nothing.
[ "$stopping" = no ] || [ "$code" -le 128 ] || code=75

# What was interrupted comes again by itself; what failed would fail again. A job that is cancelled, or that Slurm takes
# back by itself, runs no longer.
tries=$branch/jobs/$job.tries
[ "$code" -eq 75 ] || { rm -f "$tries"; exit "$code"; }
# By its own number: one task of an array has that of the whole array as $SLURM_JOB_ID. A busy Slurm is asked again.
state=
for i in 1 2 3; do
  state=$(squeue --noheader --jobs="$job" --format=%T) && break
  sleep 5
done
case $state in
  RUNNING) ;;
  "") echo "== job $job ends: Slurm does not say how it stands; strata submit goes on from the last checkpoint"; exit 75 ;;
  *) exit 75 ;;
esac
# Nor does it come for ever where the time never suffices for one checkpoint, or another run holds the branch.
if [ "$(checkpoints)" -gt "$before" ]; then
  rm -f "$tries"
elif [ "$(cat "$tries" 2>/dev/null | wc -l)" -ge 5 ]; then
  echo "== job $job gives up: 6 starts in a row without a new checkpoint, each for the reason above; where that is the time: allow more --time, or lower save_steps"
  exit 75
else
  date >>"$tries"
fi
echo "== job $job comes again, and goes on from its last checkpoint"
for i in 1 2 3; do
  scontrol requeue "$job" && exit 75
  sleep 5
done
echo "== job $job does not come again: Slurm refuses it; strata submit goes on from the last checkpoint"
exit 75
