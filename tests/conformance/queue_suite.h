// The conformance suite that every queue of this project is held to, whoever wrote it.
//
// A new implementation adds a file of its own with one line that says what it claims:
//
//   struct mine : queue_under_test<lockfree::my_queue, claims{.consumers = role::one}> {};
//   INSTANTIATE_TYPED_TEST_SUITE_P(mine, queue_suite, mine);
//
// One that takes an order of its elements derives from `priority_queue_under_test` instead.
//
// and its name in this folder's BUILD.bazel. What an implementation does not claim is skipped, and reported
// as skipped. What the tests are about:
//
//   queue_suite_order.h      capacity, order, every answer compared with the specification and the twin
//   queue_suite_stack.h      last in, first out, and pop_all
//   queue_suite_priority.h   the greatest first, orders of all kinds
//   queue_suite_elements.h   element types of all kinds, exceptions
//   queue_suite_bulk.h       push_n, pop_n and their try_ variants
//   queue_suite_timed.h      limits
//   queue_suite_close.h      close
//   queue_suite_threads.h    many threads
//   queue_suite_idle.h       waiting costs nothing, nor does not waiting
//   queue_suite_async.h      waiting without taking, in coroutines, for several queues, by a file descriptor
#pragma once

#include "switchyard/tests/conformance/queue_suite_async.h"
#include "switchyard/tests/conformance/queue_suite_base.h"
#include "switchyard/tests/conformance/queue_suite_bulk.h"
#include "switchyard/tests/conformance/queue_suite_close.h"
#include "switchyard/tests/conformance/queue_suite_elements.h"
#include "switchyard/tests/conformance/queue_suite_idle.h"
#include "switchyard/tests/conformance/queue_suite_order.h"
#include "switchyard/tests/conformance/queue_suite_priority.h"
#include "switchyard/tests/conformance/queue_suite_stack.h"
#include "switchyard/tests/conformance/queue_suite_threads.h"
#include "switchyard/tests/conformance/queue_suite_timed.h"

namespace switchyard::conformance {

REGISTER_TYPED_TEST_SUITE_P(
    queue_suite, HoldsExactlyItsCapacity, CapacityZeroIsAnInvalidArgument, AbsurdCapacityDoesNotCrash,
    AnswersAsSpecified, CountsWrapRound, AnswersAsTheBlockingTwin, LastInFirstOutAcrossThreads,
    PopAllTakesEverythingNewestFirst, PopAllStopsWhereTheTargetThrows, PopAllSeesOneMoment,
    PopAllRacingLosesNothing, GreatestFirstAcrossThreads, LesserOnesNeverOvertake, EqualOnesAllComeOut,
    ComparesAsItIsTold, SurvivesThrowingComparisons, CarriesNumbers, CarriesBytesOfAnySize,
    CarriesObjects, CarriesOverAlignedElements, ReservesNoValue, BuildsInPlaceFromArguments,
    LeavesArgumentAloneWhenFull, DestroysEveryElementOnce, SurvivesThrowingCopiesAndMoves,
    SurvivesThrowingCopies, SurvivesThrowingMovesOfMoveOnlyElements, TakesMemoryFromItsAllocator,
    BulkTakesAPrefixInOrder, BulkOfNoneDoesNothing, BulkReadsASinglePassSourceOnce,
    BulkStopsWhereTheSourceThrows, BulkStopsWhereTheTargetThrows, BulkMovesMoveOnlyElements,
    PushNWaitsForRoomAgainAndAgain, PopNWaitsForTheFirstOnly, PushNStopsAtClose, TimedPopGivesUpInTime,
    TimedPushGivesUpInTime, TimedUsesAnyClockAndUnit, TimeThatIsOverMeansTry, LimitsTooFarToCountMeanNever,
    TimedPopTakesWhatArrives, TimedPushTakesRoomThatArrives, ShortWaitEndsBesideALongOne,
    CloseRefusesPushesAndDrains, CloseOfAnEmptyQueue, CloseWakesEveryPopper, CloseWakesEveryPusher,
    CloseRacingWithPushesAndPopsLosesNothing, CloseRacingWithBulkLosesNothing, CloseByManyAtOnce,
    DeliversOneToOne, DeliversTwoToTwo, DeliversFourToFour, DeliversOneToFour, DeliversFourToOne,
    FirstInFirstOutAcrossProducers, FirstInFirstOutAcrossConsumers, EverySleepingPopperGetsItsElement,
    EverySleepingPusherGetsItsRoom, GivingUpPassesTheWakeUpOn, GivingUpPassesTheRoomOn, ThrowingPopAfterAWait,
    ThrowingPushLeavesTheRoomToOthers, ThrowingPopGivesItsRoomAway, PushHappensBeforePop, IdleWaiterSleeps,
    MakesNoSystemCallWhileNobodyWaits, WaitsWithoutTaking, WaitingWithoutTakingWakesTheNext,
    AsyncPopsWhatIsThereOrComes, AsyncPushWaitsForRoom, AsyncCancelsWithoutALoss, AsyncAcrossThreads,
    SelectFindsWhichHasSomething, DescriptorIsReadableWhileThereIsSomething);

}  // namespace switchyard::conformance
