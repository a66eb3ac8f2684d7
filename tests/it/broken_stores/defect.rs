//! The mistakes that event stores make, and the rules of the book that must notice each.

/// A mistake.
macro_rules! defects {
    ($($(#[doc = $why:literal])* $defect:ident: $($rule:ident)+;)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Defect {
            /// None: the control of the controls.
            Sound,
            $($(#[doc = $why])* $defect,)+
        }

        /// Each mistake, with rules that must notice it.
        pub(super) const TABLE: &[(Defect, &[&str])] = &[$((Defect::$defect, &[$(stringify!($rule)),+])),+];
    };
}

defects! {
    // Appends.
    /// `ON CONFLICT DO NOTHING`: success is reported and the events are dropped.
    DropsConflicts: random_requests_are_answered_as_by_the_model of_twenty_writers_at_the_same_version_exactly_one_wins
        a_conflict_in_the_second_stream_writes_nothing_in_the_first no_stream_is_met_only_before_the_first_event
        an_exact_version_is_met_only_by_itself version_zero_is_no_stream a_version_of_70_000_is_no_problem
        other_events_at_the_same_version_are_a_conflict the_same_events_and_more_are_a_conflict
        events_that_are_partly_the_same_are_a_conflict several_streams_of_which_one_is_the_same_are_a_conflict
        a_conflict_carries_the_stream_the_expectation_and_the_head;
    /// A unique index alone: an expectation above the head leaves a hole.
    AcceptsAboveHead: random_requests_are_answered_as_by_the_model an_expectation_above_the_head_is_a_conflict_and_writes_nothing
        a_conflict_in_the_first_stream_writes_nothing_in_the_second the_key_of_a_conflict_is_not_burnt;
    ConflictSaysTooLittle: a_conflict_carries_the_stream_the_expectation_and_the_head
        an_exact_version_is_met_only_by_itself a_condition_that_does_not_hold_is_a_conflict_on_its_stream;
    AnyIsNoStream: any_version_is_met_by_every_stream twenty_writers_without_expectation_are_all_stored_once;
    StreamExistsIsAny: stream_exists_is_met_only_from_the_first_event_on;
    VersionsOf16Bits: a_version_of_70_000_is_no_problem batches_of_up_to_65_536_events_are_stored;
    StoresBackwards: an_append_stores_all_its_events_in_order of_appends_to_many_streams_at_once_each_is_stored_as_it_was_sent;
    AnswersInOrderOfName: an_append_to_several_streams_stores_all_of_them;
    PositionsBackwards: positions_increase_and_follow_versions an_append_stores_all_its_events_in_order
        of_appends_to_many_streams_at_once_each_is_stored_as_it_was_sent;
    AnswersAnotherTime: the_answer_has_the_recorded_time_that_a_reader_gets;
    /// Stream by stream, each in a transaction of its own.
    WritesOneByOne: random_requests_are_answered_as_by_the_model a_conflict_in_the_second_stream_writes_nothing_in_the_first
        a_dropped_append_leaves_nothing_half_done several_streams_of_which_one_is_the_same_are_a_conflict;
    StoresWhatItRefuses: a_refused_event_in_the_last_write_writes_nothing
        a_payload_of_the_limit_is_stored_and_one_byte_more_is_refused;
    /// The version is read first, and the write trusts it.
    ChecksVersionBefore: of_twenty_writers_at_the_same_version_exactly_one_wins;
    LosesEverySeventh: twenty_writers_without_expectation_are_all_stored_once
        writers_of_the_same_two_streams_in_either_order_are_all_stored;

    // Command keys.
    IgnoresKeys: random_requests_are_answered_as_by_the_model a_repeated_key_returns_the_first_result_and_stores_nothing
        a_repeated_key_returns_all_events_of_the_first_result a_key_is_known_at_any_later_version
        a_repeated_key_over_several_streams_returns_the_first_result twenty_racing_appends_with_one_key_store_once
        a_key_used_through_one_handle_is_known_to_the_other a_load_reports_what_a_key_stored;
    /// An append has one key, so what goes together has that of its first command.
    KnowsOneKey: an_append_of_several_commands_is_known_by_the_key_of_each
        a_key_that_was_used_before_refuses_all_commands_of_an_append racing_appends_of_several_commands_do_each_command_once;
    KeyAfterVersion: random_requests_are_answered_as_by_the_model a_key_counts_before_the_expected_version
        a_repeated_key_over_several_streams_returns_the_first_result;
    FirstOfARepeatedKey: a_repeated_key_returns_all_events_of_the_first_result
        an_append_of_several_commands_that_comes_again_is_already_stored
        the_same_request_again_is_already_stored;
    ForgetsOldKeys: a_key_is_known_at_any_later_version;
    KeysOfTheWholeStore: the_same_key_in_another_stream_is_another_command;
    BurnsKeys: the_key_of_a_conflict_is_not_burnt the_key_of_a_refused_append_is_not_burnt;
    ChecksKeyBefore: twenty_racing_appends_with_one_key_store_once;
    LoadForgetsKeys: a_load_reports_what_a_key_stored a_load_reports_a_key_that_it_does_not_read;
    LooksForKeysInTheTail: random_requests_are_answered_as_by_the_model a_load_reports_a_key_that_it_does_not_read;

    // Lost answers.
    /// A retry is a conflict with itself.
    ForgetsIds: random_requests_are_answered_as_by_the_model the_same_request_again_is_already_stored the_same_request_is_already_stored_after_others_wrote
        the_same_request_to_several_streams_is_already_stored
        a_request_sent_again_from_the_other_handle_is_already_stored;
    StoresAnyTwice: the_same_request_again_is_already_stored the_same_request_to_several_streams_is_already_stored;
    FirstIdIsEnough: the_same_events_and_more_are_a_conflict events_that_are_partly_the_same_are_a_conflict
        several_streams_of_which_one_is_the_same_are_a_conflict;
    StoresTheSameAgain: fewer_of_the_same_events_are_never_stored_again the_same_request_again_is_already_stored;

    // Conditions.
    IgnoresConditions: random_requests_are_answered_as_by_the_model a_condition_that_does_not_hold_is_a_conflict_on_its_stream
        conditions_alone_are_checked_and_write_nothing an_absent_stream_is_at_version_zero
        of_two_appends_conditional_on_each_other_at_most_one_is_stored;
    /// Both commit, each having seen the other's stream as it was.
    ChecksConditionsBefore: of_two_appends_conditional_on_each_other_at_most_one_is_stored
        of_five_appends_each_conditional_on_all_others_at_most_one_is_stored;
    /// Whoever depends on one stream is safe.
    HoldsOneCondition: of_five_appends_each_conditional_on_all_others_at_most_one_is_stored;
    ConflictOnTheWrite: a_condition_that_does_not_hold_is_a_conflict_on_its_stream;
    AbsentStreamMeetsNoCondition: an_absent_stream_is_at_version_zero conditions_alone_are_checked_and_write_nothing;
    ConditionsBeforeIds: an_append_stored_under_conditions_is_already_stored_when_they_have_changed;
    AlwaysRefusesConditions: an_append_is_stored_while_its_conditions_hold;

    // Order, pages, cursors.
    /// A reader passes an event that has a position and is not visible yet.
    HidesNewEvents: no_event_appears_behind_a_reader an_event_is_readable_when_its_waiter_wakes;
    HighWatermark: no_event_appears_at_or_below_a_watermark;
    LowWatermark: a_full_page_ends_at_its_last_event a_short_page_ends_at_the_newest_event;
    /// The watermark is committed as a cursor, and the id there is nobody's.
    CursorWithoutId: an_empty_page_advances_to_the_newest_event;
    ShortPageStaysBack: a_short_page_ends_at_the_newest_event an_empty_page_advances_to_the_newest_event;
    StepsOverRows: pages_of_any_size_are_the_whole a_full_page_ends_at_its_last_event;
    FilterBehindLimit: pages_of_any_size_are_the_whole;
    FullPageIsTheEnd: a_full_page_ends_at_its_last_event pages_of_any_size_are_the_whole;
    NeverAtTheEnd: an_empty_store_has_an_empty_page_at_its_start a_short_page_ends_at_the_newest_event;
    CountsTheLimit: an_empty_store_has_an_empty_page_at_its_start;
    PagesOfAThousand: a_page_of_65_536_events_is_given;
    IgnoresUntil: random_requests_are_answered_as_by_the_model a_read_keeps_to_its_positions_and_versions an_empty_page_of_a_filter_stops_at_the_given_end;
    IgnoresVersions: random_requests_are_answered_as_by_the_model a_read_keeps_to_its_positions_and_versions all_filters_must_hold;
    LosesTheCallersError: an_error_of_the_callback_ends_the_reading_and_comes_out
        an_error_of_the_callback_ends_the_load_and_comes_out;
    CallsOnAfterAnError: an_error_of_the_callback_ends_the_reading_and_comes_out
        an_error_of_the_callback_ends_the_load_and_comes_out;

    // Scopes and times.
    IgnoresScope: a_read_gives_the_store_a_category_or_a_stream all_filters_must_hold;
    CategoryByPrefix: a_category_is_not_a_prefix_of_another;
    StreamByPrefix: random_requests_are_answered_as_by_the_model a_stream_is_not_a_prefix_of_another;
    StreamWithoutCase: a_stream_is_not_a_prefix_of_another an_id_of_any_text_comes_back;
    IgnoresNames: random_requests_are_answered_as_by_the_model names_choose_among_the_events pages_of_any_size_are_the_whole;
    RangesIncludeTheirEnd: random_requests_are_answered_as_by_the_model a_range_of_recorded_times_is_exact_to_the_microsecond
        a_range_of_occurred_times_is_exact_to_the_microsecond;
    /// The clock goes back, and with it what was known when.
    RecordedTimeGoesBack: recorded_time_never_goes_back_in_a_stream
        a_clock_that_goes_back_does_not_take_recorded_time_with_it;
    RecordsTheOccurredTime: recorded_time_is_the_clock_and_not_the_occurred_time;
    OccurredAtTheEpoch: an_event_without_a_time_occurred_when_it_was_recorded;
    PositionOfTheNext: the_position_at_a_time_parts_what_was_recorded_by_then;

    // Columns.
    RewritesJson: a_payload_comes_back_byte_for_byte;
    LosesCorrelation: an_event_comes_back_with_every_column;
    LosesMetadata: metadata_comes_back_as_it_was;
    KeepsMilliseconds: an_occurred_time_comes_back_to_the_microsecond
        a_range_of_occurred_times_is_exact_to_the_microsecond;
    KeyOnEveryEvent: a_command_key_stands_on_the_first_event_alone;
    LoadLacksMetadata: a_load_gives_the_same_rows_as_a_read;
    CutsNames: the_longest_names_are_stored;

    // Loads and moments.
    LoadsBackwards: a_load_gives_the_events_of_its_stream_in_order;
    LoadIgnoresAfter: a_load_gives_only_the_events_behind_a_version
        as_of_a_moment_behind_a_version_is_the_tail_up_to_it;
    BareForgetsSchemaVersions: a_bare_load_gives_the_same_payloads;
    BareForgetsOccurredTimes: a_bare_load_from_a_snapshot_tells_when_its_events_occurred;
    BareUnasked: a_load_gives_the_events_of_its_stream_in_order;
    AbsentStreamFails: an_absent_stream_loads_as_nothing;
    IgnoresMoments: as_of_a_version_is_that_many_events as_of_a_position_is_what_stood_up_to_it
        as_of_a_recorded_time_is_what_was_recorded_by_then as_of_an_occurred_time_is_what_had_occurred_by_then
        as_of_a_moment_behind_a_version_is_the_tail_up_to_it;
    OccurredIsRecorded: random_requests_are_answered_as_by_the_model as_of_an_occurred_time_is_what_had_occurred_by_then;

    // Snapshots.
    NeverServesSnapshots: a_snapshot_is_served_with_the_events_behind_it the_last_snapshot_written_wins
        a_snapshot_comes_back_with_every_column an_offered_snapshot_can_be_loaded_soon
        a_snapshot_of_one_handle_is_served_by_the_other;
    /// What the snapshot holds is applied a second time.
    TailFromTheStart: a_snapshot_is_served_with_the_events_behind_it;
    SnapshotOfAnyShape: a_snapshot_is_served_only_to_its_key;
    SnapshotOfAnyRevision: a_snapshot_is_served_only_to_its_key;
    SnapshotOfAnyStream: a_snapshot_belongs_to_its_stream;
    SnapshotBehindTheCaller: a_snapshot_is_not_served_to_who_has_come_further;
    SnapshotOfTheFuture: random_requests_are_answered_as_by_the_model a_snapshot_newer_than_the_moment_does_not_serve;
    SnapshotOfWhatHadNotOccurred: random_requests_are_answered_as_by_the_model a_snapshot_with_an_event_that_occurred_later_does_not_serve;
    SnapshotsAreText: a_snapshot_comes_back_with_every_column;
    NewestSnapshotWins: the_last_snapshot_written_wins;
    LosesOfferedSnapshots: an_offered_snapshot_can_be_loaded_soon;
    CountsOnEncoding: an_offered_snapshot_that_cannot_be_encoded_is_dropped;
    FindsAllSnapshots: streams_with_snapshots_are_found_by_category_and_kind;

    // What is held.
    HoldsOneVersionOfAName: every_name_is_held_with_each_of_its_versions;
    ForgetsHeldTypes: every_name_is_held_with_each_of_its_versions;

    // Waiting.
    NeverWakes: waiting_for_what_is_there_returns_at_once a_waiter_ends_when_the_store_is_closed;
    WakesOnlyAtOnce: a_waiter_wakes_when_an_event_is_appended;
    WaitsForNothing: a_waiter_does_not_return_before_there_is_an_event an_event_is_readable_when_its_waiter_wakes;

    // The head.
    HeadIsLate: the_head_is_the_newest_event;
    HeadHasItsOwnClock: the_head_tells_the_time_that_events_are_recorded_at;
    HeldBackByNobody: nobody_is_held_back_while_no_append_is_open;

    // Checkpoints.
    CheckpointLosesItsId: a_checkpoint_comes_back_as_it_was_saved;
    CheckpointOnlyForward: a_checkpoint_may_be_moved_both_ways;
    CheckpointByNameAlone: checkpoints_differ_in_every_part_of_their_key claims_of_other_keys_are_others;
    CheckpointOfAnyPart: checkpoints_differ_in_every_part_of_their_key;
    FencesNobody: the_checkpoint_of_a_newer_owner_is_not_overwritten an_owner_that_was_taken_over_is_refused_at_once
        a_claim_through_one_handle_holds_against_the_other;
    IdentityChanges: a_checkpoint_of_the_very_event_is_verified;
    ReadsTheNewestAtLeast: a_checkpoint_of_another_event_or_store_is_rewound;
    /// The other handle is another store.
    HandlesAreStrangers: a_key_used_through_one_handle_is_known_to_the_other
        a_request_sent_again_from_the_other_handle_is_already_stored both_handles_read_the_same_order
        a_load_sees_what_the_other_handle_wrote a_snapshot_of_one_handle_is_served_by_the_other
        a_checkpoint_of_one_handle_is_known_to_the_other a_claim_through_one_handle_holds_against_the_other a_waiter_wakes_when_the_other_handle_appends;

    // Claims.
    ClaimsForEverybody: a_claim_is_renewed_by_its_owner_and_held_against_others
        of_twenty_owners_at_the_same_time_exactly_one_claims claims_of_other_keys_are_others
        a_claim_is_not_released_by_others a_claim_through_one_handle_holds_against_the_other;
    ClaimsNeverEnd: a_claim_is_taken_over_when_its_time_has_run_out a_renewed_claim_lives_on_from_then;
    ClaimsEndAtOnce: a_claim_is_taken_over_when_its_time_has_run_out a_renewed_claim_lives_on_from_then;
    ClaimIsNotRenewed: a_renewed_claim_lives_on_from_then;
    ClaimForgetsTheCheckpoint: a_claim_keeps_the_checkpoint_that_was_saved
        a_claim_is_renewed_by_its_owner_and_held_against_others a_claim_that_was_released_is_free_at_once;
    /// The number of an owner is that of nobody.
    ClaimHasNoNumber: a_claim_that_is_the_first_stands_at_the_start a_claim_keeps_the_checkpoint_that_was_saved
        a_claim_is_taken_over_when_its_time_has_run_out;
    ReleasesNothing: a_claim_that_was_released_is_free_at_once;
    AnybodyReleases: a_claim_is_not_released_by_others;

    // Tables of views.
    MissingTablesAreEmpty: a_view_that_is_not_held_is_neither_read_nor_written_nor_served
        a_dropped_view_is_gone_with_its_checkpoint;
    MissingTablesFail: a_view_that_is_not_held_is_neither_read_nor_written_nor_served
        a_view_that_comes_and_goes_is_there_or_not_held;
    MakesTablesAnew: a_view_that_is_made_again_keeps_its_rows;
    MakesTablesOnce: a_view_that_is_made_again_keeps_its_rows ten_tasks_that_make_one_view_make_it_once;
    AcceptsAnyKey: a_key_that_may_hold_nothing_is_refused;
    VersionsShareATable: versions_and_shapes_of_a_view_are_tables_of_their_own;
    ServesEveryTable: of_the_tables_of_a_view_one_is_served;
    ServesTheFirst: of_the_tables_of_a_view_one_is_served a_view_that_is_served_is_not_dropped;
    HoldsBackwards: views_are_held_in_order_of_version_and_making;
    HoldsByFingerprint: views_are_held_in_order_of_version_and_making;
    DropKeepsTheCheckpoint: a_dropped_view_is_gone_with_its_checkpoint;
    DropsTheServed: a_view_that_is_served_is_not_dropped;
    ViewsAreNeverClosed: a_closed_store_refuses_views;

    // Rows that are folded in the append.
    FoldsNothing: an_append_folds_its_events_as_a_reader_gets_them;
    /// The events first, and then, in a transaction of their own, the rows.
    FoldsApart: a_fold_that_fails_leaves_neither_events_nor_rows;
    /// What was appended is folded onto whatever the row is.
    OverlooksGaps: events_that_were_appended_without_their_row_are_folded_first
        a_row_that_was_deleted_is_folded_from_the_beginning rows_are_what_their_streams_make_whoever_appends;
    /// The outcome is not looked at.
    FoldsTheRefused: an_append_that_stores_nothing_folds_nothing;
    /// Two who write one row: the last one wins, whatever it has read.
    FoldsWithoutALock: a_row_that_is_brought_to_its_end_slowly_does_not_go_back;
    LeavesRowsBehind: rows_are_brought_to_the_ends_of_their_streams;

    // Imports.
    ImportsAtItsOwnTime: an_event_that_is_imported_comes_back_with_every_field new_positions_are_behind_all_that_is_stored;
    ImportsWithNewPositions: an_event_that_is_imported_comes_back_with_every_field
        a_position_that_was_given_before_is_not_kept;
    /// What it is given first is put where it stood in the source.
    ImportsWithOldPositions: new_positions_are_behind_all_that_is_stored;
    CountsAllAsMissing: what_is_held_already_is_passed_over;
    PassesOverOtherEvents: another_event_in_its_place_is_refused_by_name_and_stores_nothing;
    PassesOverGaps: a_version_without_the_one_before_is_refused_and_stores_nothing;
    /// Each in a transaction of its own.
    ImportsOneByOne: another_event_in_its_place_is_refused_by_name_and_stores_nothing
        a_version_without_the_one_before_is_refused_and_stores_nothing;
    ImportsWhatItCounts: what_is_missing_is_counted_and_not_stored;
    CountingMindsGaps: what_is_missing_is_counted_and_not_stored;
    /// What was recorded elsewhere is not looked at when time goes on.
    AppendsBesideImports: an_append_goes_on_behind_what_was_imported;
    ImportForgetsKeys: a_command_key_that_was_imported_is_used_up an_event_that_is_imported_comes_back_with_every_field;

    // Rows of views.
    NumbersAreFloats: a_row_comes_back_as_it_was_written keys_of_every_kind_are_found;
    NothingIsZero: nothing_comes_back_as_nothing;
    KeysWithoutCase: keys_of_every_kind_are_found;
    InsertsOnly: a_row_that_is_written_again_is_replaced a_batch_of_65_536_rows_is_written_and_found;
    DeletesNothing: a_row_that_is_deleted_is_gone a_batch_of_65_536_rows_is_written_and_found;
    MissingRowsAreNothing: keys_without_a_row_are_left_out;
    FindsAThousand: a_batch_of_65_536_rows_is_written_and_found;
    RowsWithoutCheckpoint: rows_and_checkpoint_are_written_together a_write_without_changes_saves_its_checkpoint;
    SkipsEmptyWrites: a_write_without_changes_saves_its_checkpoint;
    /// The rows in one transaction, the checkpoint in the next.
    WritesRowsFirst: rows_that_do_not_fit_change_nothing an_owner_that_was_taken_over_changes_no_row
        a_write_that_came_too_late_changes_no_row;
    WritesLateRows: a_write_that_came_too_late_changes_no_row;

    // Scans of views.
    EqualsInAnyOrder: a_scan_is_in_order_of_its_column_and_of_the_key_among_equals random_scans_are_answered_as_by_the_model;
    NothingComesLast: a_scan_is_in_order_of_its_column_and_of_the_key_among_equals;
    BoundsTakeNothing: a_scan_between_bounds_leaves_out_what_holds_nothing random_scans_are_answered_as_by_the_model;
    SkipsEquals: a_scan_behind_a_row_begins_at_the_next_even_if_the_row_is_gone random_scans_are_answered_as_by_the_model;
    LooksForTheRowBehind: a_scan_behind_a_row_begins_at_the_next_even_if_the_row_is_gone;
    TextInOrderOfTheAlphabet: text_is_in_the_order_of_its_bytes;
    ScansAnything: a_scan_that_does_not_fit_the_table_is_refused;

    // Transactions.
    TransactionMovesNothing: a_transaction_and_its_checkpoint_are_one a_transaction_that_is_repeated_changes_nothing;
    KeepsFailedWork: a_transaction_whose_work_fails_changes_nothing;
    /// There is no transaction.
    WritesThrough: a_transaction_that_is_dropped_changes_nothing a_transaction_of_nobody_is_refused;
    /// A greater position is taken for what comes next.
    MovesFromAnywhere: a_transaction_that_is_repeated_changes_nothing
        a_transaction_that_begins_before_the_checkpoint_changes_nothing;
    LendsToAnybody: a_transaction_of_nobody_is_refused;
    /// The work is committed, and then its checkpoint is moved.
    CommitsBeforeItLooks: a_transaction_that_is_repeated_changes_nothing an_owner_that_was_taken_over_is_refused_its_transaction;
    LooksAtTheCheckpointBefore: an_owner_that_is_taken_over_within_its_transaction_changes_nothing;

    // Parked events.
    ParksShortErrors: a_parked_event_comes_back_as_it_was;
    ParkedInOrderOfPosition: parked_events_are_listed_in_order_of_key_and_position;
    ParksByNameAlone: parked_events_of_other_projections_are_others;
    KeepsTheFirstError: an_event_that_is_parked_again_takes_the_new_error_and_its_retry_is_answered;
    ParkingForgetsNoAsk: an_event_that_is_parked_again_takes_the_new_error_and_its_retry_is_answered;
    ParkingForgetsTheDiscard: an_event_that_is_parked_again_takes_the_new_error_and_its_retry_is_answered;
    ParksLate: an_event_that_was_handled_is_not_parked_late;
    ListsWhatNobodyAsked: what_was_asked_last_is_found;
    AsksForTheWholeKey: what_was_asked_last_is_found;
    ParksForAnybody: only_the_owner_parks_and_unparks;
    RetryKeepsTheParking: a_retry_writes_its_rows_and_ends_the_parking_together
        a_retry_that_is_repeated_changes_no_row;
    /// What is not parked any more is no reason not to write.
    RetriesTwice: a_retry_that_is_repeated_changes_no_row;
    TransactionKeepsTheParking: a_retry_in_a_transaction_ends_the_parking_once;
    TransactionRetriesTwice: a_retry_in_a_transaction_ends_the_parking_once;
    DropKeepsTheParked: a_dropped_view_is_gone_with_what_was_parked;

    // Sizes and names.
    AcceptsTooLarge: a_payload_of_the_limit_is_stored_and_one_byte_more_is_refused
        metadata_of_the_limit_is_stored_and_one_byte_more_is_refused a_batch_of_more_than_65_536_events_is_refused
        a_request_of_more_than_64_mib_is_refused;
    RefusesTheLimit: a_payload_of_the_limit_is_stored_and_one_byte_more_is_refused
        metadata_of_the_limit_is_stored_and_one_byte_more_is_refused batches_of_up_to_65_536_events_are_stored;
    AcceptsInvalid: a_write_without_events_is_refused an_event_name_that_breaks_the_rule_is_refused
        a_command_key_that_breaks_the_rule_is_refused metadata_of_the_framework_is_refused
        a_schema_version_of_zero_is_refused a_stream_that_stands_twice_in_a_request_is_refused
        an_event_id_that_stands_twice_in_a_request_is_refused;

    // Closing.
    NeverCloses: a_closed_store_refuses_what_comes_later a_waiter_ends_when_the_store_is_closed;
    ClosesOnce: closing_twice_is_no_error;
    FailsWhenClosed: a_closed_store_refuses_what_comes_later;
    /// Accepted before the store was closed, and answered, but not stored.
    KeepsNothing: an_append_beside_closing_is_stored_or_refused_as_closed
        what_was_stored_is_there_when_the_store_is_opened_again;
}
