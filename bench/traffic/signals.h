// SIGINT and SIGTERM, waited for instead of caught.
#pragma once

#include <stdbool.h>

// Before any thread is started.
void signals_block(void);
// Waits for so long. True if a signal came, now or at an earlier call.
bool signals_wait(unsigned ms);
// The same without waiting.
bool signals_came(void);
