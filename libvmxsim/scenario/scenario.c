/* A scenario from its beginning to its end. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libvmxsim/scenario/runner.h"

bool runner_failed(struct runner *runner, const char *format, ...) {
  va_list list;
  va_start(list, format);
  if (runner->error && !runner->error->text[0]) {
    vsnprintf(runner->error->text, sizeof runner->error->text, format, list);
    runner->error->line = runner->scenario->line;
    runner->error->column = 1;
  }
  va_end(list);
  return false;
}

static bool choose_processor(struct runner *runner) {
  const struct vmxsim_capabilities *given = runner->scenario->subject.processor;
  if (!given) given = runner->listener->processor;
  if (given)
    runner->processor = *given;
  else if (vmxsim_capabilities_from_spec(&runner->processor, "max", 3, NULL))
    return runner_failed(runner, "expected the processor \"max\"");
  return true;
}

static bool run(struct runner *runner) {
  if (!choose_processor(runner)) return false;
  const struct vmxsim_machine_options options = {.size = sizeof options,
                                                 .processor = &runner->processor,
                                                 .vcpus = runner->scenario->vcpus,
                                                 .timing = runner->scenario->timing};
  if (vmxsim_machine_create(&options, &runner->machine)) return runner_failed(runner, "the machine cannot be made");
  if (!host_prepare(runner) || !run_steps(runner)) return false;
  expect_end(runner);
  runner->result->cycles = vmxsim_vcpu_cycles(vmxsim_machine_vcpu(runner->machine, 0));
  return true;
}

vmxsim_status vmxsim_scenario_run(const vmxsim_scenario *scenario, const struct vmxsim_scenario_listener *listener,
                                  struct vmxsim_scenario_result *result, struct vmxsim_diagnostic *error) {
  static const struct vmxsim_scenario_listener nobody = {.size = sizeof nobody};
  struct vmxsim_diagnostic unwanted = {0};
  struct runner runner = {.scenario = scenario, .listener = listener ? listener : &nobody, .result = result};
  runner.error = error ? error : &unwanted;
  *runner.error = (struct vmxsim_diagnostic){0};
  *result = (struct vmxsim_scenario_result){0};
  const bool good = run(&runner);
  vmxsim_machine_destroy(runner.machine);
  result->passed = good && !result->failures;
  return good ? VMXSIM_OK : VMXSIM_ERROR_ARGUMENT;
}
