// Wireshark's table of ESP's security associations, with their keys (its file "esp_sa").
#pragma once

#include "vpectl/vpectl.h"

// Asks the daemon, which answers root only, and writes a file that nobody else reads.
enum vpectl_exit esp_keys_write(const struct vpectl *ctl, const char *path);
