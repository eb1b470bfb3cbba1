// held_locks.h: the files that say "this process has the device". A lock belongs to the open file,
// and a forked child has the file open too: as long as it lives, nobody else could open the device
// after the parent has gone, not even the child itself. So the child closes them at once.
#pragma once

#include <string>

namespace strongroom::pkcs11 {

// Notes this process's descriptors of the device's lock files, for the children it may fork.
void note_held_locks(const std::string& flash_directory, const std::string& root_directory);
// Before the device is closed: the numbers may then mean other files.
void forget_held_locks();

}  // namespace strongroom::pkcs11
