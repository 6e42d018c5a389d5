// Results as JSON.
#include "bench/traffic/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static json_t *port_json(const struct device *device)
{
	struct rte_eth_dev_info info = {0};
	struct rte_eth_stats stats = {0};

	if (rte_eth_dev_info_get(device->id, &info) != 0 ||
		rte_eth_stats_get(device->id, &stats) != 0)
		return json_null();
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "name", device->name, "driver",
		info.driver_name, "rx_missed", (json_int_t)stats.imissed, "rx_no_buffer",
		(json_int_t)stats.rx_nombuf, "rx_errors", (json_int_t)stats.ierrors, "tx_errors",
		(json_int_t)stats.oerrors);
}

json_t *output_ports(const struct device *device, unsigned n)
{
	json_t *ports = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(ports, port_json(&device[i]));
	return ports;
}

int output_write(json_t *result, const char *file, struct error *err)
{
	size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(9);
	int rc = 0;

	if (result == NULL)
		return error_set(err, ENOMEM, "no memory for the result");
	errno = 0;
	if (file != NULL)
		rc = json_dump_file(result, file, flags);
	else if ((rc = json_dumpf(result, stdout, flags)) == 0)
		rc = fputc('\n', stdout) == EOF || fflush(stdout) != 0 ? -1 : 0;
	json_decref(result);
	if (rc != 0)
		return error_set(err, errno == 0 ? EIO : errno, "writing %s: %s",
			file == NULL ? "the result" : file, strerror(errno));
	return 0;
}
