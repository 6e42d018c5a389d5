// Ports as the host guard's tests need them: what they are made of, and their host interface.
#pragma once

#include "ctl/config.h"

#include <stdio.h>

// device: as in the configuration. host_interface: empty for none.
static inline struct config_port *add_port(
	struct config *config, const char *name, const char *device, const char *host_interface)
{
	struct config_port *port = &config->ports[config->ports_n++];

	snprintf(port->params.name, sizeof(port->params.name), "%s", name);
	snprintf(port->device_args[0], sizeof(port->device_args[0]), "%s", device);
	snprintf(port->host_interface, sizeof(port->host_interface), "%s", host_interface);
	port->params.devices = 1;
	return port;
}
