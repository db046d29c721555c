/* The command `vmx=NAME`: an example of VMX. */
#include "vmm/examples.h"

#include "kernel/console.h"
#include "vmm/vmm.h"

static const struct example {
  const char *name;
  bool (*run)(void);
} examples[] = {
    {"capabilities", vmx_capabilities},
    {"enter", vmx_enter},
    {"debug", vmx_debug},
    {"mtf", vmx_mtf},
    {"many", vmx_many},
};

static bool run(const struct example *example) {
  if (vmx_announced()) return example->run();
  print("vmx: the processor announces no VMX\n");
  return false;
}

bool vmx_example(struct text name, bool *good) {
  for (unsigned i = 0; i < sizeof examples / sizeof *examples; i++) {
    if (!text_is(name, examples[i].name)) continue;
    *good = run(&examples[i]);
    return true;
  }
  return false;
}
