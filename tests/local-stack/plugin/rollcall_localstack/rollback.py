"""CloudFormation takes back what failed, as on AWS; LocalStack leaves it lying, and calls a failed update complete.

  failed creation   what was made is deleted, the last first, and the stack is ROLLBACK_COMPLETE
  failed update     what was changed is changed back, what was added is deleted: UPDATE_ROLLBACK_COMPLETE
  failed deletion   it stops there, and the stack is DELETE_FAILED; another deletion goes on with what is left

A custom resource that failed is taken back too: it gets a Delete, or an Update to its old properties. Why it failed
stays in the stack's events. Source: "Choose how to handle failures when provisioning resources" and "Continue rolling
back an update" in the AWS CloudFormation user guide.

Not as on AWS: OnFailure and DisableRollback are not read; any other resource whose creation failed is not deleted, as
LocalStack does not say whether there is one and whose; a deletion stops at the first failure, also before resources
that have nothing to do with it; an update that LocalStack cannot make it cannot take back either, and takes for done;
a stack in ROLLBACK_COMPLETE can be updated, which is for `deploy.py` not to try.
"""
import threading

from localstack.aws.api.cloudformation import ChangeAction, StackStatus
from localstack.services.cloudformation.engine.v2 import change_set_model_executor as stock
from localstack.services.cloudformation.engine.v2.change_set_model import is_nothing
from localstack.services.cloudformation.engine.v2.change_set_model_preproc import MOCKED_REFERENCE, PreprocProperties
from localstack.services.cloudformation.resource_provider import OperationStatus
from localstack.services.cloudformation.v2 import entities, provider


class Silence(threading.local):
    """Whether LocalStack's own words about a stack's status go unheard in this thread; each operation has its own.

    It calls a stack failed in the middle of what is done here, and whatever it thinks when all is done.
    """

    kept = False


SILENCE = Silence()
say = entities.Stack.set_stack_status


def set_stack_status(stack, status, reason=None):
    if not SILENCE.kept:
        say(stack, status, reason)


class RollingBackExecutor(stock.ChangeSetModelExecutor):
    """Carries out one creation, update or deletion of a stack."""

    def __init__(self, change_set):
        super().__init__(change_set)
        self._stack = change_set.stack
        self._changes = []  # (name, before, after) of each resource, those first that others need
        self._failed = []  # the resource that failed; more than one only while taking back
        self._taking_back = False

    def execute(self):
        status, self._stack.status_reason = self._stack.status, None
        SILENCE.kept = True
        try:
            if status == StackStatus.DELETE_IN_PROGRESS:
                return self._delete_stack()
            reason = self._construct()
            if reason is None:
                return self._complete(status)
            if status == StackStatus.CREATE_IN_PROGRESS:
                return self._take_back_creation(reason)
            return self._take_back_update(reason)
        except Exception:
            SILENCE.kept = False  # the provider says that the operation has failed
            raise

    def _construct(self):
        """None, or the reason why not all resources could be made."""
        try:
            self.process()
        except stock.TriggerRollback as failure:
            return failure.reason or "no reason given"
        except Exception as error:
            return str(error)
        return None

    def _complete(self, status):
        if self._deferred_actions and status == StackStatus.UPDATE_IN_PROGRESS:
            say(self._stack, StackStatus.UPDATE_COMPLETE_CLEANUP_IN_PROGRESS)
        for deferred in reversed(self._deferred_actions):
            deferred.action()
        resources = {name: resource for name, resource in self.resources.items() if "ResourceStatus" in resource}
        creation = status == StackStatus.CREATE_IN_PROGRESS
        complete = StackStatus.CREATE_COMPLETE if creation else StackStatus.UPDATE_COMPLETE
        return self._settle(complete, resources, self.outputs)

    def _take_back_creation(self, reason):
        self._taking_back = True
        why = self._sentence("create") or reason
        say(self._stack, StackStatus.ROLLBACK_IN_PROGRESS, f"{why} Rollback requested by user.")
        left = dict(self.resources)
        self._delete_all(left)
        status = StackStatus.ROLLBACK_FAILED if left else StackStatus.ROLLBACK_COMPLETE
        return self._settle(status, left, [], reason)

    def _take_back_update(self, reason):
        self._taking_back = True
        stack, change_set = self._stack, self._change_set
        added = any(is_nothing(before) for name, before, _ in self._changes if name in self._failed)
        why = self._sentence("create" if added else "update") or reason
        say(stack, StackStatus.UPDATE_ROLLBACK_IN_PROGRESS, why)
        self._failed = []
        resources = dict(self._before_resolved_resources)
        for name, before, after in self._changes:
            if is_modification(before, after) and self._change_back(name, before):
                resources[name] = self.resources[name]
        failed = list(self._failed)
        say(stack, StackStatus.UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS)
        for name, before, after in reversed(self._changes):
            if not is_nothing(after) and not is_modification(before, after) and name in self.resources:
                self._delete(name, self.resources[name])  # what cannot be deleted stays behind, as on AWS
        # The provider takes all this over as the stack's, whatever became of the update.
        change_set.template, change_set.template_body = stack.template, stack.template_body
        change_set.processed_template = stack.processed_template
        change_set.resolved_parameters = stack.resolved_parameters
        status = StackStatus.UPDATE_ROLLBACK_FAILED if failed else StackStatus.UPDATE_ROLLBACK_COMPLETE
        return self._settle(status, resources, stack.resolved_outputs, reason)

    def _delete_stack(self):
        left = self._stack.resolved_resources
        self._delete_all(left)
        if left:
            say(self._stack, StackStatus.DELETE_FAILED, self._sentence("delete"))
        else:
            SILENCE.kept = False  # the provider says that the stack is gone
        return stock.ChangeSetModelExecutorResult(resources={}, outputs=[])

    def _settle(self, status, resources, outputs, failure=None):
        """The stack is as the operation has left it, all of it before its status says so."""
        stack, change_set = self._stack, self._change_set
        stack.resolved_resources, stack.resolved_outputs = resources, outputs
        stack.resolved_parameters = change_set.resolved_parameters
        stack.template, stack.template_body = change_set.template, change_set.template_body
        stack.processed_template = change_set.processed_template
        say(stack, status)
        return stock.ChangeSetModelExecutorResult(resources=resources, outputs=outputs, failure_message=failure)

    # --------------------------------------------------------------------------------------------

    def _execute_resource_change(self, name, before, after):
        self._changes.append((name, before, after))
        super()._execute_resource_change(name, before, after)

    def _process_event(self, *, logical_resource_id, event_status, **about):
        if event_status == OperationStatus.FAILED:
            if self._failed and not self._taking_back:
                return  # it needs the one that failed, and was not even begun
            self._failed.append(logical_resource_id)
        super()._process_event(logical_resource_id=logical_resource_id, event_status=event_status, **about)

    def _change_back(self, name, before):
        # A failure of LocalStack's own leaves no properties behind.
        failed = self.resources.get(name, {}).get("Properties")
        current = failed or self._before_resolved_resources[name]["Properties"]
        about = {"action": ChangeAction.Modify, "logical_resource_id": name, "resource_type": before.resource_type}
        self._process_event(event_status=OperationStatus.IN_PROGRESS, **about)
        event = self._execute_resource_action(
            before_properties=PreprocProperties(current), after_properties=before.properties, **about)
        self._process_event(event_status=event.status, reason=event.message, **about)
        return event.status == OperationStatus.SUCCESS

    def _delete_all(self, resources):
        """Deletes and forgets them, the last one first, up to one that cannot be deleted."""
        for name in reversed(list(resources)):
            if not self._delete(name, resources[name]):
                return
            del resources[name]

    def _delete(self, name, resource):
        """Whether there is no such resource any more."""
        resource_type, status = resource["Type"], resource["ResourceStatus"]
        if status.endswith("FAILED") and not is_custom(resource_type):
            return True
        about = {"action": ChangeAction.Remove, "logical_resource_id": name, "resource_type": resource_type}
        self._process_event(event_status=OperationStatus.IN_PROGRESS, **about)
        outcome, reason = OperationStatus.SUCCESS, None
        if resource.get("PhysicalResourceId") != MOCKED_REFERENCE:  # else LocalStack has only pretended to make it
            event = self._execute_resource_action(
                before_properties=PreprocProperties(resource["Properties"]), after_properties=None,
                part_of_replacement=True, **about)  # which leaves the executor's own notes alone
            outcome, reason = event.status, event.message
        self._process_event(event_status=outcome, reason=reason, **about)
        return outcome == OperationStatus.SUCCESS

    def _sentence(self, verb):
        """CloudFormation's own; empty if it was no resource that failed."""
        return f"The following resource(s) failed to {verb}: [{', '.join(self._failed)}]." if self._failed else ""


def is_modification(before, after):
    return not is_nothing(before) and not is_nothing(after) and before.resource_type == after.resource_type \
        and not after.requires_replacement


def is_custom(resource_type):
    return resource_type.startswith("Custom::") or resource_type == "AWS::CloudFormation::CustomResource"


def apply():
    entities.Stack.set_stack_status = set_stack_status
    provider.ChangeSetModelExecutor = RollingBackExecutor
