// The metrics, by where they come from. Internal to the metrics.
#pragma once

#include "ctl/metrics_text.h"

struct gateway;

void metrics_of_process(struct metrics_text *text, const struct gateway *gateway);
void metrics_of_ports(struct metrics_text *text, const struct gateway *gateway);
void metrics_of_workers(struct metrics_text *text, const struct gateway *gateway);
void metrics_of_rings(struct metrics_text *text, const struct gateway *gateway);
void metrics_of_tunnels(struct metrics_text *text, const struct gateway *gateway);
void metrics_of_sas(struct metrics_text *text, const struct gateway *gateway);
void metrics_of_control(struct metrics_text *text, const struct gateway *gateway);
