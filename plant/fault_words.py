"""What is expected of a plant file, in Chinese: each English sentence of the checks has its own.

Keys, values and examples stay as they stand in the file. A sentence is found by its fixed words;
what fills its places is worded in the same way. One that is not known stays English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

_PLACE = re.compile(r"\{(\w+)\}")

CHINESE: Mapping[str, str] = MappingProxyType(
    {
        "there is none yet": "目前一个也没有",
        'did you mean "{name}"?': "是否想写“{name}”？",
        "known: {names}": "已有：{names}",
        "the code of {what}; {hint}": "{what}的代码；{hint}",
        "a recipient": "收件人",
        "a tag": "点位",
        "a team": "班组",
        "a calendar": "日历",
        "a shift of these calendars": "这些日历中的班次",
        "an area": "区域",
        "a line": "产线",
        "a reason": "原因",
        "a source": "数据源",
        "a state map": "状态映射",
        "a product": "产品",
        "a line or a machine": "产线或设备",
        "lines": "产线",
        "machines": "设备",
        "a tag that one of the rule's machines has": "规则所涉设备拥有的点位",
        "a process value; only those are learnt": "过程值；只有过程值可以学习",
        "a limit under above = {value}": "小于 above = {value} 的限值",
        "a limit under upper = {value}": "小于 upper = {value} 的限值",
        "a limit: lower, upper or both": "限值：lower、upper 或两者",
        "a limit: above, below or both": "限值：above、below 或两者",
        "a code of its own, or another `valid_from` than {other}: a version of it": (
            "不重复的代码，或与 {other} 不同的 `valid_from`（即其新版本）"
        ),
        'shifts of this calendar; "{code}" is none, {hint}': ("本日历的班次；“{code}”不是，{hint}"),
        "a pattern of {length} days, as the first one; this one has {days}": (
            "与第一个相同的 {length} 天循环；此处为 {days} 天"
        ),
        'no such key with kind = "cancel"; "alter" changes the {key}': (
            'kind = "cancel" 时不应有此键；"alter" 用于更改 {key}'
        ),
        "what is altered: one of {names}": "要更改的内容：{names} 之一",
        "another shift, day or place than {other}": "与 {other} 不同的班次、日期或位置",
        "a code that no line has; products name their cycles by line or machine": (
            "没有产线使用的代码；产品按产线或设备给出节拍"
        ),
        "a code of its own; {other} is the same": "不重复的代码；与 {other} 相同",
        "this key; it is missing, and the site names no calendar either": (
            "此键；缺少，且工厂也未指定日历"
        ),
        "several machines in `after` that it needs all, or no such key": (
            "`after` 中需要全部的多台设备，或不写此键"
        ),
        "a machine of line {line}; {hint}": "产线 {line} 的设备；{hint}",
        "a machine of line {line} that stands above {machine} in the file; {hint}": (
            "产线 {line} 中在文件里排在 {machine} 之前的设备；{hint}"
        ),
        "each machine once": "每台设备只写一次",
        "either `day`, for once, or `days`, for every week": (
            "一次性的 `day` 或每周的 `days`，二者之一"
        ),
        "the day from which the weeks are counted; it is missing": "开始计周的日期；缺少",
        "a day not before {begin}": "不早于 {begin} 的日期",
        "a time after {start}, or a later `last`": "晚于 {start} 的时间，或更晚的 `last`",
        "a pattern of {what}; {hint}": "匹配{what}的模式；{hint}",
        "a tree of at most {count} levels ({path})": "最多 {count} 层的树（{path}）",
        "a reason that is not below this one ({circle})": "不在其下级的原因（{circle}）",
        "a raw value; what all others mean is said by `otherwise`": (
            "原始值；其余各值的含义由 `otherwise` 给出"
        ),
        "a break within its shift, {span}": "在班次 {span} 之内的休息",
        "a shift apart from {other} ({span}); on {day} they overlap": (
            "与 {other}（{span}）分开的班次；两者在 {day} 重叠"
        ),
        "a break that overlaps no other one of its shift": "不与同班次其他休息重叠的休息",
        "a field of an operation; {hint}": "工序的字段；{hint}",
        "this key; an operation can't do without it": "此键；工序不能缺少它",
        "an id of its own on this broker; {other} has the same, and they would take turns": (
            "在此代理上不重复的 id；与 {other} 相同会互相顶替"
        ),
        "a JMESPath expression (jmespath.org)": "JMESPath 表达式（jmespath.org）",
        "a shorter JMESPath expression": "更短的 JMESPath 表达式",
        'this key; security = "{security}" needs it': '此键；security = "{security}" 需要它',
        "one of {names}": "{names} 之一",
        "this key; it says what the raw states mean": "此键；它说明原始状态的含义",
        "this key only where a running total is counted: role good, scrap, cycle, …": (
            "仅在累计计数时使用此键：role 为 good、scrap、cycle 等"
        ),
        'this key only with role = "process"; of states and counts every change counts': (
            '仅在 role = "process" 时使用此键；状态和计数的每次变化都算'
        ),
        'this key only with role = "process"; only process values have limits': (
            '仅在 role = "process" 时使用此键；只有过程值有规格限'
        ),
        'this key only with role = "state"': '仅在 role = "state" 时使用此键',
        "a number other than 0": "不为 0 的数",
        "the placeholders {machine} and {line} only": "只能使用占位符 {machine} 和 {line}",
        "a source that has tags; a rest source brings orders": (
            "有点位的数据源；rest 数据源只提供订单"
        ),
        "one topic, without + and #": "单个主题，不含 + 和 #",
        "a name that {machine} has no other tag of; {other} gives it too": (
            "{machine} 的其他点位未用的名称；{other} 也给出此名称"
        ),
        "an address of its own for {tag}; {other} has the same": (
            "{tag} 独有的地址；与 {other} 相同"
        ),
        "one state tag for {machine}; {other} is one already": (
            "{machine} 只能有一个状态点位；已有 {other}"
        ),
        "this key; the name of the metric": "此键；指标（metric）的名称",
        "edge node, or edge node/device": "边缘节点，或 边缘节点/设备",
        "a pattern that matches the code of one of the {field}; {hint}": (
            "能匹配某个 {field} 代码的模式；{hint}"
        ),
        'a topic that source "{source}" subscribes to: {topics}': (
            "数据源“{source}”订阅的主题：{topics}"
        ),
        "no path; the node id alone is the address": "不写 path；仅 node id 即为地址",
        "a day since {oldest}: what is older can't be derived again": (
            "{oldest} 起的日期：更早的无法重新推算"
        ),
        "brackets that are not nested so deep": "嵌套不那么深的括号",
        "TOML that can be read ({message})": "可读取的 TOML（{message}）",
        "no such key here; {hint}": "此处没有这个键；{hint}",
        "this key; it is missing": "此键；缺少",
        "this key; it says which other keys there are": "此键；它决定还有哪些键",
        "a text": "文本",
        "a text that is not empty": "非空文本",
        "a number": "数",
        "a finite number": "有限的数",
        "a whole number": "整数",
        "a number that is not so large": "不那么大的数",
        "a number greater than {least}": "大于 {least} 的数",
        "a number of at least {least}": "不小于 {least} 的数",
        "a number of at most {most}": "不大于 {most} 的数",
        "true or false": "true 或 false",
        "a list": "列表",
        "a table": "表",
        "a list with at least one entry": "至少有一项的列表",
        "a table with at least one entry": "至少有一项的表",
        "a date": "日期",
        "a date without a time": "不带时间的日期",
        "a code: letters, digits, _ . - (at most 64, a letter or digit first)": (
            "代码：字母、数字、_ . -（最多 64 个，以字母或数字开头）"
        ),
        "a mail address": "邮件地址",
        "an address that starts with {start}": "以 {start} 开头的地址",
        "a name of the IANA time zone database": "IANA 时区数据库中的名称",
        'a time of day at a whole minute as "HH:MM"': '整分钟的时刻，写作 "HH:MM"',
    }
)
LITERAL = frozenset({"the placeholders {machine} and {line} only"})
"""Braces in it are the plant file's own."""


def chinese(expected: str) -> str:
    """The sentence in Chinese; as it is where it is not known."""
    for pattern, worded in _patterns():
        if found := pattern.fullmatch(expected):
            return _filled(
                worded, {name: chinese(text) for name, text in found.groupdict().items()}
            )
    return expected


def _filled(worded: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), worded)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Those with the most fixed words first: what fits two sentences is the more exact one."""
    ranked = sorted(CHINESE, key=lambda english: -len(_PLACE.sub("", english)))
    return tuple((_pattern(english), CHINESE[english]) for english in ranked)


def _pattern(english: str) -> re.Pattern[str]:
    if english in LITERAL:
        return re.compile(re.escape(english))
    fixed = _PLACE.split(english)
    parts = [re.escape(text) if n % 2 == 0 else f"(?P<{text}>.+?)" for n, text in enumerate(fixed)]
    return re.compile("".join(parts), re.DOTALL)
