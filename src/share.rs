//! Who gets how much of the room for what runs at the same time: of the requests of a dispatcher to
//! webhooks, of the work of a processor for institutions.

/// What each gets of `free` places, given what each has under way and at most may add.
///
/// All are brought to the same number under way, as far as there is room, and that number again is
/// left free: so one alone gets half of the room, two a third each, and there is always room for
/// one more. If there are more of them than that, those that have nothing under way get one each,
/// beginning at `turn`.
pub(crate) fn shares(free: u32, turn: usize, under_way: &[(u32, u32)]) -> Vec<u32> {
    let gets = |level: u32| {
        let each = under_way.iter();
        each.map(move |(has, most)| level.saturating_sub(*has).min(*most))
    };
    let fits = |level: u32| {
        let sum: u64 = gets(level).map(u64::from).sum();
        sum + u64::from(level) <= u64::from(free)
    };
    // The largest level that fits: each number below fits as well.
    let (mut level, mut too_much) = (0, free.saturating_add(1));
    while too_much - level > 1 {
        let middle = level + (too_much - level) / 2;
        if fits(middle) {
            level = middle;
        } else {
            too_much = middle;
        }
    }
    let mut shares: Vec<u32> = gets(level).collect();
    let mut left = u64::from(free) - shares.iter().map(|it| u64::from(*it)).sum::<u64>();
    let places = (0..under_way.len())
        .cycle()
        .skip(turn % under_way.len().max(1));
    for place in places.take(under_way.len()) {
        if left == 0 {
            break;
        }
        if let (Some(share), Some((0, most))) = (shares.get_mut(place), under_way.get(place))
            && *share == 0
            && *most > 0
        {
            *share = 1;
            left -= 1;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::share::shares;

    const MOST: u32 = u32::MAX;

    #[test]
    fn one_gets_half_two_a_third_each() {
        assert_eq!(shares(128, 0, &[(0, MOST)]), [64]);
        assert_eq!(shares(128, 0, &[(0, MOST), (0, MOST)]), [42, 42]);
        assert_eq!(shares(1, 0, &[(0, MOST)]), [1]);
        assert_eq!(shares(0, 0, &[(0, MOST)]), [0]);
        assert_eq!(shares(10, 0, &[]), Vec::<u32>::new());
    }

    #[test]
    fn one_with_much_under_way_gets_nothing_and_leaves_room() {
        assert_eq!(shares(64, 0, &[(64, MOST), (0, MOST)]), [0, 32]);
        assert_eq!(shares(128, 0, &[(0, 8), (0, MOST)]), [8, 60]);
    }

    #[test]
    fn more_than_there_is_room_for_take_turns() {
        let all = vec![(0, MOST); 100];
        let mut served = vec![0; 100];
        for turn in (0..100).step_by(10) {
            for (sum, share) in served.iter_mut().zip(shares(10, turn, &all)) {
                *sum += share;
            }
        }
        assert_eq!(served, vec![1; 100]);
    }

    proptest! {
        #[test]
        fn shares_fit_the_room_and_an_idle_one_gets_something(
            free in 0_u32..300,
            turn in 0_usize..50,
            under_way in proptest::collection::vec((0_u32..100, 1_u32..100), 1..50),
        ) {
            let shares = shares(free, turn, &under_way);
            prop_assert!(shares.iter().sum::<u32>() <= free);
            let idle = under_way.iter().filter(|(has, _)| *has == 0).count();
            let served = shares.iter().zip(&under_way).filter(|(it, (has, _))| **it > 0 && *has == 0);
            prop_assert!(served.count() >= idle.min(free as usize / 2));
            for (share, (_, most)) in shares.iter().zip(&under_way) {
                prop_assert!(share <= most);
            }
        }
    }
}
