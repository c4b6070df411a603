// Reads what squeue, sacct and sbatch print. Pure: slurm_commands.h runs the programs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "coordinator/slurm/slurm_commands.h"

namespace strata {

// Options that make the programs print what the functions below read.
std::vector<std::string> SqueueFormat();
std::vector<std::string> SacctFormat();

// A line for each job, fields between "|"; lines of another kind are left out.
std::map<std::string, JobState> ReadSqueue(const std::string& output);
std::map<std::string, JobState> ReadSacct(const std::string& output);

// The id that `sbatch --parsable` printed among whatever else it said; "" when there is none.
std::string ReadJobId(const std::string& output);

// What is wrong with a script, of what sbatch printed when it refused it, and what to do; "" when
// it was no refusal: Slurm could not be asked.
std::string SbatchRefusal(const std::string& output);

// "12" of "12_3", and of "12".
std::string ArrayOf(const std::string& job);

// Whether `text` may be a job's id: "12", "12_3".
bool IsJobId(const std::string& text);

}  // namespace strata
