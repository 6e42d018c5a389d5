// What the environment asks for:
//
//     GENPORT="net_null0,stream=esp,octets=64,flows=64,sas=1;net_null1,capture=16"
//     GENPORT_MEASURE="file=result.json,bursts=15,burst_ms=100"
//
// A device that GENPORT does not name is left alone. Everything is described in bench/README.md.
#pragma once

#include "bench/genport/meter.h"
#include "bench/genport/stream.h"

struct device_options {
	char name[64];
	struct stream_params stream; // without queues and mac
	uint16_t ring;		     // descriptors of each queue, whatever the program asks for
	unsigned captures;	     // of the first frames that each transmit queue gets
};

// NULL: not named. Ends the program where the environment cannot be understood: an environment is
// all that a preloaded library can be told, and a measurement of something else is worse than none.
const struct device_options *options_of_device(const char *name);
const struct meter_params *options_meter(void);
// Where the result goes; NULL: nowhere.
const char *options_result_file(void);
