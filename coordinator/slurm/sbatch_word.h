// Writes options for Slurm to read: in an #SBATCH line of a job script and in an #SCRON line of
// scrontab, which it takes apart alike.
#pragma once

#include <filesystem>
#include <string>

namespace strata {

// As one word of such a line.
std::string SbatchWord(const std::string& word);

// Of --output: Slurm replaces %j and the like in a file's name.
std::string SbatchFileName(const std::filesystem::path& file);

}  // namespace strata
