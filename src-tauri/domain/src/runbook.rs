//! Scenarios and the steps that bring the platform back (runbook 4), as the plan states them.
//!
//! Walking the steps is not here.

use std::collections::BTreeMap;

use crate::{
    communication::{Channel, Severity},
    plan::{
        id::Id,
        quantity::Period,
        read::{choice, kinds, table},
    },
};

choice! {
    /// The parts of an incident a step belongs to.
    pub enum Phase {
        /// Find out what is wrong.
        Assess = "assess",
        /// Keep it from getting worse.
        Contain = "contain",
        /// Bring it back.
        Recover = "recover",
        /// Prove that it is back.
        Validate = "validate",
        /// Return to normal.
        Restore = "return",
    }
}

choice! {
    /// Who begins a runbook.
    pub enum Start {
        /// Somebody does.
        Manual = "manual",
        /// The program proposes it and somebody confirms.
        Proposed = "proposed",
        /// The program does, at once.
        Automatic = "automatic",
    }
}

choice! {
    /// What a step of kind `action` does.
    pub enum ActionKind {
        /// Make a copy of a store.
        Backup = "backup",
        /// Put a copy in a store's place.
        Restore = "restore",
        /// Return a store to an earlier moment.
        RestoreToTime = "restore-to-time",
        /// Put single tables of a copy in place.
        RestoreTables = "restore-tables",
        /// Use another provider.
        SwitchProvider = "switch-provider",
        /// Serve from another place.
        SwitchOrigin = "switch-origin",
        /// Set a switch of the application, such as read-only.
        SetMode = "set-mode",
        /// Return to an earlier release.
        RollBack = "roll-back",
        /// Start again.
        Restart = "restart",
        /// Keep work for later.
        Queue = "queue",
    }
}

choice! {
    /// What proves that a step done by hand was done.
    pub enum ManualProof {
        /// A sentence.
        Text = "text",
        /// What a command printed.
        Output = "output",
        /// A picture.
        Picture = "picture",
        /// An address.
        Link = "link",
        /// Somebody's word.
        Word = "word",
    }
}

table! {
    /// Checks are run and questions asked; the step fails when one does not hold.
    pub struct CheckStep {
        /// The checks.
        pub checks: Vec<Id>,
        /// The integrity queries.
        pub queries: Vec<Id>,
    }
}

table! {
    /// The program does something.
    pub struct ActionStep {
        /// What.
        pub action: ActionKind,
        /// To which system, store or provider.
        pub to: Option<Id>,
        /// From which backup set.
        pub from: Option<Id>,
        /// What else it needs to know.
        pub settings: BTreeMap<String, String>,
    }
}

table! {
    /// Somebody does something.
    pub struct ManualStep {
        /// What is to be done.
        pub instructions: String,
        /// What proves it.
        pub proof: ManualProof = ManualProof::Text,
    }
}

table! {
    /// One way to go.
    pub struct Choice {
        /// What it is called.
        pub name: String,
        /// When it is the right one.
        pub when: Option<String>,
        /// How much data it may cost.
        pub loses: Option<Period>,
        /// The step to go on with.
        pub then: Id,
    }
}

table! {
    /// Somebody decides.
    pub struct DecisionStep {
        /// What has to be decided.
        pub question: String,
        /// The ways to go.
        pub options: Vec<Choice>,
    }
}

table! {
    /// Somebody is told something.
    pub struct MessageStep {
        /// The prepared message.
        pub template: Id,
        /// The channel, where it is not the message's own.
        pub channel: Option<Channel>,
        /// Who is told, when the message is not for everybody.
        pub tell: Vec<Id>,
    }
}

table! {
    /// Somebody allows what follows.
    pub struct ApprovalStep {
        /// Who may allow it.
        pub by: Vec<Id>,
        /// How many of them have to.
        pub at_least: u32 = 1,
        /// The steps it allows.
        pub allows: Vec<Id>,
    }
}

table! {
    /// Nothing is done until checks hold, at most for the step's budget.
    pub struct WaitStep {
        /// The checks that have to hold.
        pub until: Vec<Id>,
    }
}

table! {
    /// Another runbook is walked.
    pub struct SubRunbookStep {
        /// Which.
        pub runbook: Id,
    }
}

kinds! {
    /// What a step is.
    pub enum Act by StepKind {
        /// Checks are run.
        Check(CheckStep) = "check",
        /// The program does something.
        Action(ActionStep) = "action",
        /// Somebody does something.
        Manual(ManualStep) = "manual",
        /// Somebody decides.
        Decision(DecisionStep) = "decision",
        /// Somebody is told something.
        Message(MessageStep) = "message",
        /// Somebody allows what follows.
        Approval(ApprovalStep) = "approval",
        /// Nothing is done until checks hold.
        Wait(WaitStep) = "wait",
        /// Another runbook is walked.
        Runbook(SubRunbookStep) = "runbook",
    }
}

table! {
    /// A step of a runbook.
    pub struct Step {
        /// Its name for other steps.
        pub id: Id,
        /// What it is called.
        pub name: String,
        /// Where in the incident it belongs.
        pub phase: Phase,
        /// The longest it may take.
        pub budget: Period,
        /// The step to go on with when it fails.
        pub fallback: Option<Id>,
        /// The step to go on with when it succeeds, where that is not the next; `end` ends the runbook.
        pub next: Option<Id>,
        /// Whether data or work is lost by it.
        pub destructive: bool = false,
        /// Whether it can be taken back.
        pub reversible: bool = true,
        /// The endpoints of the environment it needs.
        pub binds: Vec<Id>,
        /// Why it is done.
        pub why: Option<String>,
    } with {
        /// What it is.
        pub act: Act,
    }
}

table! {
    /// One way a message or payment can take.
    pub struct Way {
        /// The provider, where there is one.
        pub provider: Option<Id>,
        /// The channel, where there is one.
        pub channel: Option<Channel>,
        /// In words, where it is neither.
        pub what: Option<String>,
    }
}

table! {
    /// A scenario and its steps.
    pub struct Runbook {
        /// What it is called.
        pub name: String,
        /// The section of the document.
        pub section: Option<String>,
        /// How it is noticed.
        pub symptoms: Vec<String>,
        /// How fast it has to be over.
        pub rto: Period,
        /// The functions it brings back.
        pub serves: Vec<Id>,
        /// What has failed: systems, stores or providers.
        pub failed: Vec<Id>,
        /// How bad it is at first.
        pub severity: Severity,
        /// Who begins it.
        pub start: Start = Start::Manual,
        /// The checks that would show it.
        pub shown_by: Vec<Id>,
        /// The ways that are tried one after the other.
        pub ways: Vec<Way>,
        /// The steps, in their order.
        pub steps: Vec<Step>,
    }
}

impl Runbook {
    /// A step and its place in the list.
    pub fn step(&self, id: &Id) -> Option<(usize, &Step)> {
        self.steps.iter().enumerate().find(|(_, step)| step.id == *id)
    }
}
