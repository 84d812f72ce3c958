//! What the linter looks for: each kind of finding with its weight and what it costs when nobody heeds it.

use crate::plan::read::choice;

choice! {
    /// How much a finding weighs.
    pub enum FindingSeverity {
        /// What is written cannot work.
        Severe = "severe",
        /// What is written contradicts itself, or leaves something out that will be missed.
        Warning = "warning",
        /// Worth knowing.
        Note = "note",
    }
}

/// Declares the kinds of finding: name, word, weight, and the cost.
macro_rules! codes {
    ($( $(#[doc = $text:literal])* $code:ident = $word:literal, $severity:ident, $why:literal; )*) => {
        choice! {
            /// The kinds of finding.
            pub enum FindingCode {
                $( $(#[doc = $text])* $code = $word ),*
            }
        }

        impl FindingCode {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// How much it weighs.
            pub const fn severity(self) -> FindingSeverity {
                match self { $( Self::$code => FindingSeverity::$severity ),* }
            }

            /// What it costs at three in the morning.
            pub const fn why(self) -> &'static str {
                match self { $( Self::$code => $why ),* }
            }
        }
    };
}

codes! {
    /// A scenario may take longer than a function it brings back.
    ScenarioSlowerThanFunction = "scenario-slower-than-function", Warning,
        "The runbook can be walked in time and the promise to the business is still broken.";
    /// A scenario may take longer than the platform as a whole.
    ScenarioSlowerThanPlatform = "scenario-slower-than-platform", Warning,
        "The runbook can be walked in time and the platform's objective is still missed.";
    /// A provider's fallback takes longer than a scenario in which that provider fails.
    FallbackSlowerThanScenario = "fallback-slower-than-scenario", Warning,
        "The only way round takes longer than the scenario allows, so its promise cannot be kept.";
    /// A provider's fallback takes longer than the platform's objective.
    FallbackSlowerThanPlatform = "fallback-slower-than-platform", Warning,
        "The day the provider fails, the recovery time is already lost.";
    /// The share of availability leaves less time than one recovery may take.
    AvailabilityShorterThanRto = "availability-shorter-than-rto", Warning,
        "One outage within its objective breaks the availability promised for the month.";
    /// The data loss allowed says the same as the recovery point.
    DataLossRepeatsRpo = "data-loss-repeats-rpo", Note,
        "Two texts for one number: one day somebody changes only one of them.";
    /// The data loss allowed differs from the recovery point.
    DataLossContradictsRpo = "data-loss-contradicts-rpo", Warning,
        "Nobody can say how much may be lost, so nobody can choose what to restore.";
    /// Scenarios promise different times for a function that has none of its own.
    FunctionWithoutObjective = "function-without-objective", Note,
        "How soon it has to be back depends on which page is read.";
    /// A function needs another that is brought back after it.
    DependencyOfLowerTier = "dependency-of-lower-tier", Warning,
        "What is brought back first does not work until something is brought back that comes later.";
    /// A store's priority does not fit the functions that need it.
    PriorityDiffersFromTier = "priority-differs-from-tier", Warning,
        "The order of recovery depends on which table is read.";
    /// No function needs a store.
    StoreNobodyNeeds = "store-nobody-needs", Note,
        "When it is lost, nobody can tell what has stopped.";
    /// A store has no check.
    StoreWithoutCheck = "store-without-check", Warning,
        "Customers are the first to notice that it is gone.";
    /// A store has no copy.
    StoreWithoutBackup = "store-without-backup", Severe,
        "What is lost is lost.";
    /// A system is said to span zones and nothing shows it.
    MultiZoneWithoutCheck = "multi-zone-without-check", Warning,
        "The second zone may never have been there; the first outage of a zone tells.";
    /// Two checks ask exactly the same.
    CheckTwice = "check-twice", Note,
        "One fault, two alarms, and two thresholds to keep alike.";
    /// The finest copy of a store is made less often than the recovery point allows.
    BackupRarerThanRpo = "backup-rarer-than-rpo", Warning,
        "Even a perfect restore loses more than was promised.";
    /// Changes repeated elsewhere are the only copy of a store.
    ReplicationCountedAsBackup = "replication-counted-as-backup", Warning,
        "A deletion is repeated as faithfully as everything else; there is nothing to return to.";
    /// A copy is kept longer than any edition of the provider keeps it.
    RetentionNotOffered = "retention-not-offered", Severe,
        "The copy needed is already gone when it is looked for.";
    /// A copy is kept as long as stated in some editions only, and the plan names none.
    RetentionOnlyInSomeEditions = "retention-only-in-some-editions", Warning,
        "Whether the older copies exist depends on a contract nobody has at hand.";
    /// Daily copies are promised beside point-in-time recovery, which ends them.
    PointInTimeEndsDaily = "point-in-time-ends-daily", Warning,
        "The daily copies the plan counts on are not made.";
    /// The plan and the provider state different losses.
    PromiseDiffersFromOffer = "promise-differs-from-offer", Note,
        "The loss is reckoned wrongly when the decision is made.";
    /// Copies are said to be repeated to another region, which the provider does not offer.
    RegionCopyNotOffered = "region-copy-not-offered", Warning,
        "When the region is lost, so are the copies.";
    /// A provider's copies never contain the store.
    StoreLeftOut = "store-left-out", Severe,
        "The restore ends well and the store is empty.";
    /// What a provider offers has not been read for a year.
    OfferNotChecked = "offer-not-checked", Note,
        "Offers change without a letter.";
    /// Nobody has said how long copies are kept.
    RetentionUnknown = "retention-unknown", Note,
        "Damage found late may be in every copy there is.";
    /// A copy of ours is never read whole.
    CopyNotReadWhole = "copy-not-read-whole", Warning,
        "A truncated or damaged file passes, and is found out during the restore.";
    /// Integrity queries without a right answer.
    QueryWithoutAnswer = "query-without-answer", Warning,
        "A number appears and somebody tired has to judge it.";
    /// The same question is asked in two places.
    QueryTwice = "query-twice", Note,
        "Two texts for one rule: one of them is forgotten when the rule changes.";
    /// A contact's address is a stand-in.
    ContactPlaceholder = "contact-placeholder", Severe,
        "The call goes to nobody.";
    /// Nobody has proved an address, or not for a month.
    ContactUnverified = "contact-unverified", Warning,
        "Numbers change and people leave; the first test should not be the incident.";
    /// Somebody the plan relies on has no address.
    ContactWithoutAddress = "contact-without-address", Severe,
        "The plan says to reach them and does not say how.";
    /// A severity has nobody to tell, or no way to.
    SeverityTellsNobody = "severity-tells-nobody", Severe,
        "The incident is declared and no one hears of it.";
    /// No channel of a severity reaches somebody it has to tell.
    SeverityCannotReach = "severity-cannot-reach", Severe,
        "The message is sent by ways that do not reach them.";
    /// Two texts name different channels for a severity.
    ChannelsDiffer = "channels-differ", Warning,
        "People wait for the message at the wrong place.";
    /// Two texts name different people for a severity.
    PeopleDiffer = "people-differ", Warning,
        "Each believes that the other was told.";
    /// The script does nothing for a severity of the matrix.
    SeverityNotInScript = "severity-not-in-script", Warning,
        "The script ends without an error and nobody was told.";
    /// Nobody has said who is on call when.
    OnCallWithoutRotation = "on-call-without-rotation", Warning,
        "The same person is called every night, until one night they are not there.";
    /// Days on which nobody is on call.
    OnCallGap = "on-call-gap", Severe,
        "On those days the first level is silence.";
    /// A time to escalate without a unit.
    EscalationWithoutUnit = "escalation-without-unit", Warning,
        "Fifteen of what? One system takes minutes, the next seconds.";
    /// A level that never hands over to the next.
    EscalationWithoutTime = "escalation-without-time", Warning,
        "When this level does not answer, the next is never called.";
    /// The first level keeps an incident longer than the worst severity allows.
    EscalationSlowerThanSeverity = "escalation-slower-than-severity", Warning,
        "The people who have to know by then are called afterwards.";
    /// The last level is one person.
    EscalationEnds = "escalation-ends", Warning,
        "When that one person sleeps through the call, there is nobody left.";
    /// A condition nothing evaluates.
    ConditionNobodyEvaluates = "condition-nobody-evaluates", Warning,
        "The level is never called, or always, depending on who reads it.";
    /// A blank that is not declared.
    TemplateUnknownField = "template-unknown-field", Severe,
        "The message goes out with braces in it, or not at all.";
    /// A blank nobody fills.
    TemplateFieldUnfilled = "template-field-unfilled", Warning,
        "Somebody has to invent it while customers wait.";
    /// A declared blank the text does not have.
    TemplateFieldUnused = "template-field-unused", Note,
        "Somebody fills in what nobody will read.";
    /// A length of time written into a message.
    PromiseInMessage = "promise-in-message", Warning,
        "The message promises the same in every outage, also in the one that takes a day.";
    /// A moment of an incident for which there is nothing to send.
    MomentWithoutMessage = "moment-without-message", Note,
        "The text is written from nothing, under stress, in public.";
    /// A drill that practises no scenario.
    DrillWithoutScenario = "drill-without-scenario", Warning,
        "It proves that people met, not that the runbook works.";
    /// A drill that says nothing about passing.
    DrillWithoutSuccess = "drill-without-success", Warning,
        "Every drill is a success, so none is evidence.";
    /// A drill with a week that is not anchored to a date.
    DrillWeekUndefined = "drill-week-undefined", Note,
        "Nobody can be late for a drill that has no date.";
    /// A drill nobody answers for.
    DrillWithoutOwner = "drill-without-owner", Note,
        "Teams do not hold drills, people do.";
    /// A scenario nobody practises.
    ScenarioWithoutDrill = "scenario-without-drill", Warning,
        "Its first rehearsal is the incident.";
    /// A destructive step that nobody has to allow.
    DestructiveWithoutApproval = "destructive-without-approval", Warning,
        "One tired person can overwrite what was left of the data.";
    /// The steps take longer than the scenario allows.
    StepsLongerThanRto = "steps-longer-than-rto", Warning,
        "Everything goes to plan and the objective is missed.";
    /// A choice that costs more data than can be borne.
    ChoiceLosesTooMuch = "choice-loses-too-much", Warning,
        "A way is offered that the business has ruled out.";
    /// Two texts name different ways round a provider.
    FallbacksDiffer = "fallbacks-differ", Warning,
        "One half of the team waits while the other switches.";
    /// A setting that is a stand-in.
    SettingPlaceholder = "setting-placeholder", Severe,
        "The step fails at the moment it is needed.";
    /// An obligation depends on a severity the law does not know.
    LawKnowsNoSeverity = "law-knows-no-severity", Warning,
        "A duty is missed because an engineer chose P2.";
    /// A deadline counted from another moment than the law's.
    DeadlineFromWrongMoment = "deadline-from-wrong-moment", Severe,
        "The deadline passes while the clock still shows time.";
    /// A deadline later than the law's.
    DeadlineLaterThanLaw = "deadline-later-than-law", Severe,
        "The report is late although everybody kept to the plan.";
    /// An obligation that names no law.
    ObligationWithoutLaw = "obligation-without-law", Note,
        "Nobody can check whether it is owed, or to whom.";
    /// An obligation without evidence.
    ObligationWithoutEvidence = "obligation-without-evidence", Note,
        "The hours before the deadline go into finding out what has to be said.";
    /// A lawful basis that does not fit.
    LegalBasisUnfit = "legal-basis-unfit", Warning,
        "The record itself becomes a finding of the audit.";
    /// Kinds of data are named differently in two places.
    CategoriesDiffer = "categories-differ", Warning,
        "One rule applies and the other never does.";
    /// Places allowed are written in words no region has.
    ResidencyNeverMatches = "residency-never-matches", Warning,
        "Every target is refused, or the rule is switched off to get on.";
    /// A region whose country is not known.
    RegionUnknown = "region-unknown", Warning,
        "Nobody can say whether data may go there.";
    /// A region outside the places data may go.
    RegionNotAllowed = "region-not-allowed", Severe,
        "The recovery itself breaks the law.";
    /// The document's review is overdue.
    DocumentOverdue = "document-overdue", Warning,
        "The plan describes a platform that is no longer there.";
    /// A review is overdue, or was never held.
    ReviewOverdue = "review-overdue", Warning,
        "What nobody has looked at since is wrong in places nobody knows.";
    /// An approval by several without a way for emergencies.
    ApprovalWithoutBreakGlass = "approval-without-break-glass", Warning,
        "A step known to be wrong cannot be corrected until people wake up.";
    /// A length of time whose beginning or end is not kept.
    DurationWithoutMoments = "duration-without-moments", Warning,
        "The figure is guessed afterwards, and the objective is met on paper.";
    /// Lessons have one state only.
    LessonsNeverClose = "lessons-never-close", Note,
        "The same lesson is learned again.";
}
