// vpebench floor: crypto alone, in cycles per packet.
#pragma once

int floor_main(int argc, char **argv);
