/* The contract headers, once each and in order: they carry no include guards because cffi reads them. */
#ifndef OTLPV_WIRE_H
#define OTLPV_WIRE_H

#include <stdint.h>

#include "columns.h"
#include "scan.h"
#include "splice.h"
#include "lookup.h"
#include "control.h"
#include "steps.h"
#include "envelope.h"
#include "origin.h"
#include "json.h"
#include "partition.h"

#endif
