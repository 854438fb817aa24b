#pragma once
#include "claims.h"

enum verdict test_signature(void);
enum verdict test_interfaces(void);
enum verdict test_cpu_count(void);
enum verdict test_ram_size(void);
enum verdict test_directory(void);
enum verdict test_absent_item(void);
enum verdict test_string_input(void);
enum verdict test_scratch_ports(void);
enum verdict test_scratch_memory(void);
enum verdict test_page_flush(void);
enum verdict test_lines(void);
enum verdict test_counted_writes(void);
