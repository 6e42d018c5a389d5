// What a stage says of a packet: accept, a drop reason, or where it goes.
#pragma once

#include "proto/drop.h"

#define VERDICT_ACCEPT DROP_NONE
#define VERDICT_OWNER 0x8000 // | worker: authenticated, that worker owns the replay window
#define VERDICT_PARK 0x4000  // authenticated, waits until its number is below the window's edge
