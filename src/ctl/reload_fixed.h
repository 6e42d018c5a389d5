// What a reload cannot change.
#pragma once

#include "ctl/config.h"

// 0, or -EINVAL with err naming the setting that differs.
int reload_fixed(const struct config *now, const struct config *next, struct error *err);
