// What of the journal an operator should hear of: in the log, and as events.
#pragma once

#include "ctl/leases.h"

struct gateway;

void journal_alarm(const struct gateway *gateway, const struct leases *leases,
	const struct leases_alarm *alarm);
