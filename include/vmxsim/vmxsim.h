/* vmxsim: Intel VMX in software. The umbrella of the public headers. */
#ifndef VMXSIM_VMXSIM_H
#define VMXSIM_VMXSIM_H

#include "vmxsim/allocator.h"
#include "vmxsim/assembler.h"
#include "vmxsim/bits.h"
#include "vmxsim/capabilities.h"
#include "vmxsim/checks.h"
#include "vmxsim/controls.h"
#include "vmxsim/determinism.h"
#include "vmxsim/events.h"
#include "vmxsim/exits.h"
#include "vmxsim/fields.h"
#include "vmxsim/hooks.h"
#include "vmxsim/input.h"
#include "vmxsim/machine.h"
#include "vmxsim/memory.h"
#include "vmxsim/platform.h"
#include "vmxsim/processor_state.h"
#include "vmxsim/registers.h"
#include "vmxsim/scenario.h"
#include "vmxsim/snapshot.h"
#include "vmxsim/state.h"
#include "vmxsim/status.h"
#include "vmxsim/templates.h"
#include "vmxsim/vectors.h"
#include "vmxsim/vmcs.h"
#include "vmxsim/vmx.h"

#define VMXSIM_VERSION "0.1.0"

#endif
